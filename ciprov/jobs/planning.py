"""What is to be done so that Jenkins has the jobs of the definitions: decided from both, before anything is written."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ciprov.domain.jobs import JobDefinition, Place, Plugin, ServerJob
from ciprov.jobs.comparing import compared, lines
from ciprov.jobs.config_xml import FOLDER, ConfigXml, read
from ciprov.jobs.mark import Mark, mark_in
from ciprov.jobs.secret_texts import without_secrets


class Action(StrEnum):
    """REFUSE is a job that is not ours, or that cannot become what it is to be. ORPHAN is ours, and defined no more."""

    CREATE = "create"
    UPDATE = "update"
    KEEP = "keep"
    ORPHAN = "orphan"
    DELETE = "delete"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Step:
    """One job. `xml` is what Jenkins is sent, empty where nothing is; `diff` are lines of a unified diff; `seen` is the
    mark of a job that is to be changed.
    """

    name: str
    action: Action
    reason: str = ""
    xml: str = ""
    diff: tuple[str, ...] = ()
    place: Place | None = None
    seen: Mark | None = None

    @property
    def writes(self) -> bool:
        return self.action in {Action.CREATE, Action.UPDATE, Action.DELETE}


@dataclass(frozen=True, slots=True)
class Missing:
    """A plugin that Jenkins lacks, and all that needs it: (job, key, place)."""

    plugin: str
    needed_by: tuple[tuple[str, str, Place], ...]

    def __str__(self) -> str:
        job, key, place = self.needed_by[0]
        more = len({name for name, _, _ in self.needed_by}) - 1
        others = f" and {more} other jobs need" if more > 1 else " and another job need" if more else " needs"
        return f"{place}: the plugin {self.plugin} is not on that Jenkins; {key} of {job}{others} it"


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in the order in which they are to be taken: folders before what is in them, deletions last."""

    steps: tuple[Step, ...]
    missing: tuple[Missing, ...] = ()

    def of(self, *actions: Action) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.action in actions)

    @property
    def writes(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.writes)

    @property
    def differs(self) -> bool:
        """Whether Jenkins is not as the definitions say, whatever may be done about it."""
        return any(step.action is not Action.KEEP for step in self.steps)


@dataclass(frozen=True, slots=True)
class Rules:
    """`adopt` takes over jobs without a mark or with another one, `prune` deletes ours that are defined no more."""

    mark: Mark
    adopt: bool = False
    prune: bool = False
    ignored_plugins: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Live:
    """Jenkins as it was seen: all its jobs, the config.xml of those that are defined too, its plugins or None where
    these may not be seen.
    """

    jobs: Sequence[ServerJob]
    configs: Mapping[str, str]
    plugins: Sequence[Plugin] | None
    place: str = "Jenkins"


def plan(definitions: Sequence[JobDefinition], live: Live, rules: Rules) -> Plan:
    """Raises `CiprovError` where a config.xml cannot be read."""
    there = {job.name: job for job in live.jobs}
    folders = {definition.name for definition in definitions}
    steps = [_step(definition, live, there, folders, rules) for definition in sorted(definitions, key=_depth)]
    steps += _orphans(definitions, live, rules)
    if live.plugins is None:
        return Plan(tuple(steps))
    return Plan(tuple(steps), tuple(missing_plugins(definitions, live.plugins, rules.ignored_plugins)))


def missing_plugins(
    definitions: Sequence[JobDefinition], plugins: Sequence[Plugin], ignored: frozenset[str] = frozenset()
) -> Iterator[Missing]:
    there = {plugin.name for plugin in plugins} | ignored
    needed: dict[str, list[tuple[str, str, Place]]] = {}
    for definition in definitions:
        for need in definition.needs:
            if need.plugin not in there:
                needed.setdefault(need.plugin, []).append((definition.name, need.key, need.place))
    for plugin, jobs in sorted(needed.items()):
        yield Missing(plugin, tuple(jobs))


def parents(name: str) -> list[str]:
    """The folders above a job, the outermost first."""
    parts = name.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def _depth(job: JobDefinition) -> tuple[int, str]:
    return job.name.count("/"), job.name


def _step(
    definition: JobDefinition, live: Live, there: Mapping[str, ServerJob], defined: set[str], rules: Rules
) -> Step:
    name, place = definition.name, definition.place
    desired = read(definition.xml, str(place)).with_mark(rules.mark.of(definition.name))
    if name not in there:
        why_not = _why_not(name, there, defined)
        if why_not:
            return Step(name, Action.REFUSE, why_not, place=place)
        text = desired.text()
        return Step(name, Action.CREATE, "it is not there", text, _diff(name, [], lines(desired)), place)
    current = read(live.configs[name], f"{live.place}, job {name}")
    foreign = _foreign(name, current, rules)
    if foreign:
        return Step(name, Action.REFUSE, foreign, place=place)
    if current.kind != desired.kind:
        reason = (
            f"it is another type there ({current.kind}, here {desired.kind}), which Jenkins cannot change; "
            "rename or delete it there"
        )
        return Step(name, Action.REFUSE, reason, place=place)
    before, after = compared(desired, current)
    if before == after:
        return Step(name, Action.KEEP, "it is as defined", place=place)
    adopted = current.mark != rules.mark.of(name)
    reason = "it is taken over" if adopted else "it differs"
    text, diff = desired.merged_into(current).text(), _diff(name, before, after)
    return Step(name, Action.UPDATE, reason, text, diff, place, current.mark)


def _why_not(name: str, there: Mapping[str, ServerJob], defined: set[str]) -> str:
    """Why there can be no job of that name; empty where there can."""
    alike = [other for other in there if other.lower() == name.lower()]
    if alike:
        return f"Jenkins does not tell capitals apart, and has {alike[0]}; call it so here, or rename that one"
    alike = [other for other in defined if other != name and other.lower() == name.lower()]
    if alike:
        return f"Jenkins does not tell capitals apart, and {alike[0]} is defined, too; rename one of them"
    homeless = [folder for folder in parents(name) if folder not in there and folder not in defined]
    if homeless:
        return f"the folder {homeless[0]} is neither on Jenkins nor defined; define it, as a job of the type folder"
    return ""


def _foreign(name: str, current: ConfigXml, rules: Rules) -> str:
    """Why the job may not be changed; empty where it may."""
    if rules.adopt or current.mark == rules.mark.of(name):
        return ""
    if current.mark is None:
        return "ciprov did not create the job of that name; take another name, or take it over with --adopt"
    if current.mark.set == rules.mark.set:
        return (
            f"its mark is that of {current.mark.job or 'another job'}: somebody copied or renamed it; take another "
            "name, or take it over with --adopt"
        )
    return (
        f"it comes from other definitions (set {current.mark.set}, here {rules.mark.set}); take another name, "
        "or take it over with --adopt"
    )


def _orphans(definitions: Sequence[JobDefinition], live: Live, rules: Rules) -> list[Step]:
    """Ours that are defined no more, the innermost first; a folder stays as long as it holds anything else."""
    defined = {definition.name for definition in definitions}
    ours = {job.name for job in live.jobs if mark_in(job.description) == rules.mark.of(job.name)} - defined
    steps: list[Step] = []
    gone: set[str] = set()
    for job in sorted(live.jobs, key=lambda job: (-job.name.count("/"), job.name)):
        if job.name not in ours:
            continue
        held = [name for name in job.holds if name not in gone] if job.kind == FOLDER else []
        if held:
            reason = f"no definition has it any more; it stays, as it holds {held[0]}"
            steps.append(Step(job.name, Action.ORPHAN, reason))
            continue
        gone.add(job.name)
        reason = "no definition has it any more"
        steps.append(Step(job.name, Action.DELETE if rules.prune else Action.ORPHAN, reason))
    return steps


def _diff(name: str, before: Sequence[str], after: Sequence[str]) -> tuple[str, ...]:
    """Lines without ends, and without secrets."""
    from_name = f"Jenkins: {name}" if before else "/dev/null"
    found = difflib.unified_diff(before, after, from_name, f"defined: {name}", lineterm="", n=3)
    # Not of the diff itself: what tells that a line is a secret may be above what it shows.
    both = [pair for whole in (before, after) for pair in zip(whole, without_secrets(whole), strict=True)]
    hidden = {line: told for line, told in both if told != line}
    return tuple(line[:1] + hidden.get(line[1:], line[1:]) for line in found)
