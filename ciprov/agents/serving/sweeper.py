"""Takes away what crashed runs left in Jenkins, look by look."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ciprov.agents.leftovers.sweeping import Sighting, sweep
from ciprov.agents.lifecycle import Act
from ciprov.agents.queue.anchors import anchors, was_anchor
from ciprov.agents.serving.inbox import Looked
from ciprov.agents.serving.jenkins_desk import JenkinsDesk, NodeAct
from ciprov.agents.serving.roster import Roster
from ciprov.agents.template import Rules
from ciprov.agents.view.happenings import Happening, Severity, Tell, What


class Sweeper:
    """Owned by the loop's thread."""

    def __init__(self, jenkins: JenkinsDesk, roster: Roster, tell: Tell) -> None:
        self._jenkins = jenkins
        self._roster = roster
        self._tell = tell
        self._seen: Mapping[str, Sighting] = {}
        self._told: set[tuple[str, str]] = set()

    def looked(self, looked: Looked, rules: Rules, now: datetime) -> None:
        if looked.nodes is None:
            return
        kept = {anchor.name for anchor in anchors(rules)}
        found = sweep(looked.nodes, self._roster.records, rules.service.name, kept, self._seen, looked.began)
        self._seen = found.seen
        there = {node.name for node in looked.nodes}
        self._told = {(name, about) for name, about in self._told if name in there}
        for names, wanted in ((found.fence, Act.WITHDRAW), (found.delete, Act.DELETE_NODE)):
            for name in names:
                # An anchor never had an agent, and settings that want it again would find it without labels.
                plain = wanted is Act.WITHDRAW and was_anchor(name, rules.service.name)
                act = Act.FENCE if plain else wanted
                why = _why(name, rules.service.name)
                self._jenkins.ask(NodeAct(name, act, message=f"ciprov: {why}"), now)
                self._say(name, act, f"node {name}: {why}: {act}", Severity.INFO)
        for name, whose in found.foreign.items():
            self._say(
                name, whose, f"node {name} is left alone, though an agent is called so: {whose}", Severity.WARNING
            )

    def _say(self, name: str, about: str, text: str, severity: Severity) -> None:
        """Once, for as long as the node is there."""
        if (name, about) not in self._told:
            self._told.add((name, about))
            self._tell(Happening(What.SWEPT, text, severity, agent=name))


def _why(name: str, service: str) -> str:
    return "it carried the labels of earlier settings" if was_anchor(name, service) else "a run that crashed left it"
