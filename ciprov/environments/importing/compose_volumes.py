"""`volumes`, `tmpfs`, `secrets` and `configs` of a service."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ciprov.environments.blueprint.nodes import Node, plain
from ciprov.environments.importing.compose_draft import Draft, same_place
from ciprov.environments.importing.identifiers import legal_element
from ciprov.environments.importing.parameters import Parameters
from ciprov.environments.importing.references import ref, shown, whole
from ciprov.environments.importing.sources import Fields, Report, file_of, text_of

SIZE = "volume_mb"
PROJECT_DIR = "project_dir"
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]")
_HARMLESS = frozenset({"rw", "z", "Z", "cached", "delegated", "consistent", ""})
_LABELS = frozenset({"z", "Z"})


@dataclass
class Volumes:
    """`sections` are the top-level `volumes`, `secrets` and `configs`; `first_dir` is where the first file lies."""

    parameters: Parameters
    report: Report
    sections: Mapping[str, Mapping[str, Node]]
    first_dir: str
    files: frozenset[str]
    project_dir: str = ""
    users: dict[str, str] = field(default_factory=dict)

    def volume(self, draft: Draft, item: Node, key: str) -> None:
        """One entry of `volumes`."""
        if isinstance(item.value, dict):
            self._long(draft, item, key)
            return
        text = text_of(item)
        if text is None:
            self.report.lost(item, key, f"{item.shown} is no volume")
            return
        if _WINDOWS.match(text):
            self.report.lost(item, key, f"{shown(text)}: paths of Windows cannot be mounted", "write a path of Linux")
            return
        parts = text.split(":")
        if len(parts) == 1:
            draft.parameter("volume", text, item)
            return
        flags = parts[2].split(",") if len(parts) > 2 else []
        if len(parts) > 3:
            self.report.lost(item, key, f"{shown(text)!r} is no volume that can be taken apart")
            return
        for flag in flags:
            if flag in _LABELS:
                self.report.translated(item, key, f"the label {flag} of SELinux is left to the agents")
            elif flag not in _HARMLESS and flag != "ro":
                self.report.lost(item, key, f"the option {shown(flag)} of a volume has no counterpart")
        self._mount(draft, (parts[0], parts[1], "ro" in flags), item, key)

    def tmpfs(self, draft: Draft, listed: Node, key: str) -> None:
        for index, item in enumerate(listed.items()):
            text = text_of(item)
            if text is None:
                self.report.lost(item, f"{key}[{index}]", f"{item.shown} is no path")
            else:
                draft.parameter("tmpfs", text, item)

    def mounted(self, draft: Draft, section: str, listed: Node) -> None:
        """`secrets` or `configs`: files that are mounted for reading, as Compose does outside of Swarm."""
        for index, item in enumerate(listed.items()):
            key = f"{draft.key}.{section}[{index}]"
            fields = Fields(item)
            source = text_of(item) if not isinstance(item.value, dict) else _text(fields.take("source"))
            target = _text(fields.take("target"))
            for name, member in fields.rest():
                self.report.lost_field(member, f"{key}.{name}", "a mounted file keeps its owner and mode")
            if source is None:
                self.report.lost(item, key, f"{item.shown} names nothing")
                continue
            home = "/run/secrets/" if section == "secrets" else "/"
            path = target if target and target.startswith("/") else home + (target or source)
            self._file(draft, section, (source, path), item, key)

    def _file(self, draft: Draft, section: str, what: tuple[str, str], item: Node, key: str) -> None:
        source, path = what
        declared = self.sections[section].get(source)
        kind = section.removesuffix("s")
        if declared is None:
            message = f"the {kind} {source} is not declared in the given files"
            self.report.lost(item, key, message, "name the file that declares it as well")
            return
        file = declared.get("file")
        if file is not None and isinstance(file.value, str):
            draft.volumes.append(same_place(_bind(self._path(file.value, file), path, True), item))
            self.report.translated(item, key, f"the {kind} {source} is mounted from its file, which agents must have")
            return
        held = next((name for name in ("external", "environment", "content") if declared.get(name)), "nothing")
        way_out = "mount a file, or use Marathon's secrets" if kind == "secret" else "put it into the image or fetch it"
        self.report.lost(item, key, f"the {kind} {source} comes from {held!r}, which Marathon cannot mount", way_out)

    def _long(self, draft: Draft, item: Node, key: str) -> None:
        fields = Fields(item)
        kind = _text(fields.take("type")) or "volume"
        source, target = _text(fields.take("source")), _text(fields.take("target"))
        read_only = fields.take("read_only")
        options = fields.take("tmpfs")
        fields.take("consistency")
        if not target:
            self.report.lost(item, key, "the volume has no target", "add target")
        elif kind == "tmpfs":
            sizes = plain(options) if options else {}
            known = [
                f"{name}={value}" for name, value in sizes.items() if name in {"size", "mode"} and value is not None
            ]
            draft.parameter("tmpfs", target + (":" + ",".join(known) if known else ""), item)
        elif kind in {"bind", "volume"} and source:
            self._mount(draft, (source, target, bool(read_only and read_only.value is True)), item, key)
        elif kind == "volume":
            draft.parameter("volume", target, item)
        else:
            self.report.lost(item, key, f"a volume of type {kind!r} has no counterpart")
        for name, member in fields.rest():
            self.report.lost_field(member, f"{key}.{name}", "this option of a volume has no counterpart")

    def _mount(self, draft: Draft, what: tuple[str, str, bool], item: Node, key: str) -> None:
        source, target, read_only = what
        if source.startswith("~"):
            message = f"{shown(source)} lies in the home of whoever runs Compose; agents know none"
            self.report.lost(item, key, message, "put the files on the agents and write their path")
        elif source.startswith((".", "/")) or "/" in source or whole(source):
            path = self._path(source, item) if not whole(source) else source
            draft.volumes.append(same_place(_bind(path, target, read_only), item))
            if not source.startswith("/"):
                message = f"{shown(source)} is a path of the machine that runs Compose: agents must have it as well"
                self.report.lost(
                    item, key, message, f"set the parameter {PROJECT_DIR}, or put the files into the image"
                )
        else:
            self._named(draft, what, item, key)

    def _path(self, source: str, node: Node) -> str:
        """A path beside a Compose file as the agents may find it: below the parameter `project_dir`."""
        if source.startswith(("/", "\ufdd0")) or whole(source):
            return source
        file = file_of(node)
        folder = self.first_dir if file in self.files or not file else posixpath.dirname(file)
        relative = posixpath.relpath(posixpath.join("/", folder, source), posixpath.join("/", self.first_dir))
        about = "Where the files beside the Compose file are on the agents."
        base = ref("blueprint.dir") + (f"/{self.project_dir}" if self.project_dir not in {"", "."} else "")
        if not self.project_dir.startswith("/"):
            root = self.parameters.declare(PROJECT_DIR, node, base, about, "string")
        else:
            root = self.parameters.declare(PROJECT_DIR, node, self.project_dir, about, "string")
        return root if relative == "." else f"{root}/{relative}"

    def _named(self, draft: Draft, what: tuple[str, str, bool], item: Node, key: str) -> None:
        source, target, read_only = what
        declared = self.sections["volumes"].get(source)
        options = declared.get("driver_opts") if declared else None
        driver = _text(declared.get("driver") if declared else None) or "local"
        kind = _text(options.get("type")) if options else None
        if declared is None:
            self.report.lost(item, key, f"the volume {shown(source)} is not declared in the given files")
        if kind == "tmpfs":
            draft.parameter("tmpfs", target, item)
        elif declared is not None and declared.get("external") is not None and declared.value["external"].value:
            name = _text(declared.get("name")) or source
            draft.parameter("volume", f"{name}:{target}{':ro' if read_only else ''}", item)
            message = f"the external volume {shown(name)} must be on the agents; all environments share it"
            self.report.lost(item, key, message, "use a volume of its own")
        elif driver != "local":
            external = {"name": source, "provider": "dvdi", "options": {"dvdi/driver": driver}}
            volume = {"containerPath": target, "mode": "RO" if read_only else "RW", "external": external}
            draft.volumes.append(same_place(volume, item))
            self.report.translated(item, key, f"the volume {source} is an external one of the driver {driver}")
        else:
            self._persistent(draft, what, item, key)

    def _persistent(self, draft: Draft, what: tuple[str, str, bool], item: Node, key: str) -> None:
        source, target, read_only = what
        first = self.users.setdefault(source, draft.service)
        if first != draft.service:
            message = f"the volume {source} is shared with {first}: on Marathon each app has its own"
            self.report.lost(item, key, message, "use an external volume where both must see the same files")
        about = "The size of each persistent volume in MiB."
        size = self.parameters.declare(SIZE, item, "1024", about, "integer")
        name = legal_element(source).replace(".", "-")
        taken = {text_of(path) for volume in draft.volumes if (path := volume.get("containerPath"))}
        while name in taken:
            name += "-more"
        made = {"containerPath": name, "mode": "RW", "persistent": {"size": size}}
        draft.volumes += [same_place(made, item), same_place(_bind(name, target, read_only), item)]
        draft.app.setdefault("residency", same_place({"taskLostBehavior": "WAIT_FOREVER"}, item))
        upgrade = {"minimumHealthCapacity": 0, "maximumOverCapacity": 0}
        draft.app.setdefault("upgradeStrategy", same_place(upgrade, item))
        message = f"the volume {source} is a persistent one on the agent, empty at first and gone with the environment"
        self.report.translated(item, key, message)


def _bind(source: str, target: str, read_only: bool) -> dict[str, str]:
    return {"containerPath": target, "hostPath": source, "mode": "RO" if read_only else "RW"}


def _text(node: Node | None) -> str | None:
    return text_of(node) if node is not None else None
