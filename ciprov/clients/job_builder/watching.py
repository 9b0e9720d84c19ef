"""jenkins-job-builder's registry, which makes XML of components, with an eye on each: whether there is such a one,
which of its keys are read, which plugin it needs. What fails is a finding, and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from jenkins_jobs.errors import JenkinsJobsException
from jenkins_jobs.expander import enum_required_params
from jenkins_jobs.registry import ModuleRegistry

from ciprov.clients.job_builder.documented import documented_keys, mentioned_words, plugin_of
from ciprov.clients.job_builder.places import did_you_mean, finding_of, nearest, place_of
from ciprov.clients.job_builder.tracking import TrackedDict, mappings_in, tracked, untracked
from ciprov.domain.jobs import JobFinding, Place, PluginNeed, Severity


class WatchingRegistry(ModuleRegistry):  # type: ignore[misc]
    """`findings` and `needs` are of the job that is made just now: see `begin`."""

    def __init__(self, config: Any, plugins: list[dict[str, Any]] | None) -> None:
        super().__init__(config, plugins)
        self.begin(Place(""))

    def begin(self, place: Place) -> None:
        """Another job."""
        self.findings: list[JobFinding] = []
        self.needs: list[PluginNeed] = []
        self._place = place

    def dispatch(
        self,
        component_type: str,
        xml_parent: Any,
        component: Any,
        template_data: Any = None,
        job_data: Any = None,
        component_pos: Any = None,
    ) -> None:
        place = place_of(getattr(component, "pos", None) or component_pos, self._place)
        name = self._name(component_type, component, place)
        if name is None:
            return
        known = self._components(component_type)
        macros = self.macros.get(component_type, {})
        if name not in known and name not in macros:
            way_out = (
                did_you_mean(name, [*known, *macros]) or f"correct it, or define a macro of the kind {component_type}"
            )
            self.findings.append(JobFinding(place, f"there is no {component_type} or macro {name!r}", way_out))
            return
        if name in macros:
            component = untracked(component)
            self._check_macro_call(component_type, name, component, place)
        else:
            component = tracked(component)
            self._need(known[name], f"{component_type} {name}", place)
        error = self._made(component_type, xml_parent, component, template_data or {}, (job_data, component_pos))
        if error is not None:
            self.findings.append(_told(error, place, f"{component_type} {name!r}"))
        if name not in macros and isinstance(component, dict):
            data = dict.__getitem__(component, name)
            self.findings += unread(data, (known[name],), f"{component_type} {name}", failed=error is not None)

    def _name(self, component_type: str, component: Any, place: Place) -> str | None:
        if not isinstance(component, dict):
            return str(component)
        keys = [str(key) for key in dict.keys(component)]
        if len(keys) == 1:
            return keys[0]
        told = f"only {keys[0]} of {', '.join(keys)} would be used" if keys else "nothing is in it"
        way_out = "indent the keys of one further than its name, or begin another one with a dash"
        self.findings.append(JobFinding(place, f"one {component_type} is wanted in each item: {told}", way_out))
        return None

    def _made(
        self, component_type: str, xml_parent: Any, component: Any, template_data: Any, rest: tuple[Any, Any]
    ) -> Exception | None:
        job_data, position = rest
        try:
            super().dispatch(component_type, xml_parent, component, template_data, job_data, position)
        except Exception as error:
            # Of components without arguments it wants a position that they have not.
            inner = error.__context__
            return inner if isinstance(inner, JenkinsJobsException) else error
        return None

    def _components(self, component_type: str) -> dict[str, Any]:
        entry_point = self.modules_by_component_type[component_type]
        list_type = self.get_component_list_type(entry_point)
        found = self._entry_points_cache.get(list_type)
        loaded: dict[str, Any] = found or self._load_eps(list_type, component_type, entry_point, "")
        return loaded

    def _need(self, component: Any, key: str, place: Place) -> None:
        plugin = plugin_of(component)
        if plugin:
            self.needs.append(PluginNeed(plugin, key, place))

    def _check_macro_call(self, component_type: str, name: str, component: Any, place: Place) -> None:
        given = dict.get(component, name) if isinstance(component, dict) else None
        if not isinstance(given, dict):
            return
        macro = self.macros[component_type][name]
        try:
            wanted = set(enum_required_params(macro.elements, macro.pos))
            for value in macro.params.values():
                wanted |= set(enum_required_params(value, macro.pos))
        except JenkinsJobsException:
            return
        for key in given:
            if str(key) not in wanted:
                at = place_of(getattr(given, "key_pos", {}).get(key), place)
                way_out = did_you_mean(str(key), wanted, "it takes") or "it takes none"
                self.findings.append(JobFinding(at, f"the macro {name} has no parameter {key!r}", way_out))


def unread(data: Any, sources: tuple[Any, ...], what: str, *, failed: bool = False) -> Iterator[JobFinding]:
    """Findings for the keys that nothing read. `sources` are the functions that could have. `failed`: they did not come
    to their end, so that only keys are told that they cannot know.
    """
    known: set[str] = set().union(*(documented_keys(source) for source in sources))
    words: set[str] = set().union(*(mentioned_words(source) for source in sources))
    for depth, mapping in enumerate(mappings_in(data)):
        if mapping.asked.everything or (depth and not mapping.asked.touched):
            continue
        yield from _unread_of(mapping, known, words, what, failed=failed)


def _unread_of(
    mapping: TrackedDict, known: set[str], words: set[str], what: str, *, failed: bool
) -> Iterator[JobFinding]:
    names: list[Any] = list(dict.keys(mapping))
    present = {str(key) for key in names}
    for key in sorted(present - {str(each) for each in mapping.asked.keys}):
        at = place_of(mapping.key_pos.get(key) or mapping.pos, Place(""))
        others = {str(each) for each in mapping.asked.keys} - present
        near = nearest(key, others | (known - present))
        meant = "" if key in known else near
        if meant:
            yield JobFinding(at, f"{what} has no key {key!r}", f"did you mean {meant}?")
        elif key in known or key in words:
            if not failed:
                message = f"{key!r} has no effect here: with the other keys as they are, {what} does not read it"
                yield JobFinding(at, message, f"did you mean {near}?" if near else "", Severity.WARNING)
        else:
            takes = did_you_mean("", others | known, "it takes")
            yield JobFinding(at, f"{what} has no key {key!r}", takes)


def _told(error: Exception, place: Place, what: str) -> JobFinding:
    if isinstance(error, JenkinsJobsException):
        finding = finding_of(error, place)
        return replace(finding, message=f"{what}: {finding.message}")
    missing = f"the key {error} is wanted" if isinstance(error, KeyError) else f"{type(error).__name__}: {error}"
    return JobFinding(place, f"{what} cannot be made of what is given: {' '.join(missing.split())[:200]}")
