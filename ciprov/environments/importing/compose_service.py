"""One service as the draft of an app: every field is carried, translated, or told."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from ciprov.environments.blueprint.nodes import Node
from ciprov.environments.importing.compose_deploy import Deploy
from ciprov.environments.importing.compose_docker import DockerParameters
from ciprov.environments.importing.compose_draft import Draft
from ciprov.environments.importing.compose_files import Files
from ciprov.environments.importing.compose_health import Health, seconds
from ciprov.environments.importing.compose_interpolation import variables_of
from ciprov.environments.importing.compose_ports import Ports
from ciprov.environments.importing.compose_volumes import Volumes
from ciprov.environments.importing.parameters import Parameters, looks_secret, parameter_name
from ciprov.environments.importing.references import names_in, ref, shown
from ciprov.environments.importing.sources import Fields, FilePlace, Report, Unreadable, beside, file_of, text_of

_ONLY_IN_COMPOSE = {
    "attach": "it steers what `docker compose up` shows",
    "develop": "it is for `docker compose watch`",
    "container_name": "Mesos names containers itself, and two environments cannot share a name",
    "external_links": "Marathon links no containers",
    "volumes_from": "on Marathon containers share no volumes",
    "credential_spec": "there is no counterpart",
    "post_start": "Marathon runs nothing beside a task",
    "pre_stop": "Marathon runs nothing beside a task",
    "gpus": "the docker containerizer of Mesos gives no GPUs",
    "cpu_shares": "Mesos sets it from cpus",
    "cpu_quota": "Mesos sets it from cpus",
    "cpu_period": "Mesos sets it from cpus",
}


@dataclass
class Services:
    """Translates services one by one."""

    parameters: Parameters
    report: Report
    files: Files
    volumes: Volumes

    def draft(self, service: str, app_id: str, node: Node) -> Draft:
        draft = Draft(service, app_id, node, {service})
        fields = Fields(node)
        self._image(draft, fields)
        self._command(draft, fields)
        self._network(draft, fields)
        ports, exposed = fields.take("ports"), fields.take("expose")
        translator = Ports(self.parameters, self.report)
        if ports is not None:
            translator.ports(draft, ports)
        if exposed is not None:
            translator.expose(draft, exposed)
        self._environment(draft, fields)
        self._files(draft, fields)
        health = fields.take("healthcheck")
        if health is not None:
            Health(self.parameters, self.report).check(draft, health)
        Deploy(self.parameters, self.report).take(draft, fields)
        DockerParameters(self.report).take(draft, fields)
        self._others(draft, fields)
        return draft

    def _image(self, draft: Draft, fields: Fields) -> None:
        image, build, pull = fields.take("image"), fields.take("build"), fields.take("pull_policy")
        if build is not None:
            message = "Marathon builds no images: this one must be built and pushed to a registry"
            self.report.lost_field(build, f"{draft.key}.build", message, "build it in CI before `env up`")
        if image is not None and isinstance(image.value, str) and image.value:
            draft.docker["image"] = image
        else:
            name = self.parameters.free_name(f"{parameter_name(draft.id)}_image")
            about = f"The image of {draft.service}, which Compose builds."
            draft.docker["image"] = draft.node.with_value(
                self.parameters.declare(name, draft.node, None, about, "string")
            )
            if build is None:
                self.report.lost(draft.node, draft.key, f"it names no image: the parameter {name} asks for one")
            else:
                self.report.translated(build, f"{draft.key}.build", f"the parameter {name} asks for the image")
        if pull is not None and pull.value == "always":
            draft.docker["forcePullImage"] = pull.with_value(True)
        elif pull is not None and text_of(pull) not in {"missing", "if_not_present"}:
            self.report.lost(pull, f"{draft.key}.pull_policy", "agents pull an image that they do not have")
        privileged = fields.take("privileged")
        if privileged is not None and isinstance(privileged.value, bool):
            draft.docker["privileged"] = privileged
        elif privileged is not None:
            self.report.lost(privileged, f"{draft.key}.privileged", f"{privileged.shown} is not true or false")

    def _command(self, draft: Draft, fields: Fields) -> None:
        entrypoint, command = fields.take("entrypoint"), fields.take("command")
        words = self._words(command, f"{draft.key}.command") if command is not None else None
        if entrypoint is not None:
            first = self._words(entrypoint, f"{draft.key}.entrypoint")
            if first is not None:
                draft.parameter("entrypoint", first[0].value if first else "", entrypoint)
                words = [*first[1:], *(words or [])]
        if words:
            draft.args = words
        elif command is not None and command.value in ("", []):
            self.report.lost(command, f"{draft.key}.command", "an empty command cannot take the image's own away")

    def _words(self, node: Node, key: str) -> list[Node] | None:
        if isinstance(node.value, list):
            words = [(item, text_of(item)) for item in node.value]
            for index, (item, text) in enumerate(words):
                if text is None:
                    self.report.lost(item, f"{key}[{index}]", f"{item.shown} is no word of a command")
            return [item.with_value(text) for item, text in words if text is not None]
        text = text_of(node)
        try:
            return [node.with_value(word) for word in shlex.split(text or "")]
        except ValueError as error:
            self.report.lost(node, key, f"the command cannot be split into words: {error}", "write it as a list")
            return None

    def _network(self, draft: Draft, fields: Fields) -> None:
        mode, networks, links = fields.take("network_mode"), fields.take("networks"), fields.take("links")
        for name in ("hostname", "container_name"):
            own = draft.node.get(name)
            if own is not None and isinstance(own.value, str) and not any(True for _ in names_in(own.value)):
                draft.names.add(own.value)
        draft.is_on_host_network = mode is not None and mode.value == "host"
        if mode is not None and text_of(mode) not in {"host", "bridge"}:
            message = f"{shown(mode.shown)}: an app has a network of its own; the bridge is taken"
            self.report.lost(mode, f"{draft.key}.network_mode", message)
        for name, member in networks.members() if networks is not None else ():
            inner, key = Fields(member), f"{draft.key}.networks.{name}"
            aliases = inner.take("aliases")
            draft.names |= {text for item in (aliases.items() if aliases else []) if (text := text_of(item))}
            self.report.translated(member, key, "apps are on the agents' bridge and reach each other by service ports")
            for option, value in inner.rest():
                self.report.lost_field(value, f"{key}.{option}", "there is no counterpart on the bridge")
        for index, item in enumerate(links.items() if links is not None else []):
            target, _, alias = (text_of(item) or "").partition(":")
            self.report.translated(item, f"{draft.key}.links[{index}]", "a link is an order of starting, and a name")
            self.files.aliases.setdefault(target, set()).update({alias} - {""})
            self.files.links.setdefault(draft.service, []).append((target, item))

    def _environment(self, draft: Draft, fields: Fields) -> None:
        env_files, own = fields.take("env_file"), fields.take("environment")
        for index, item in enumerate(env_files.items() if env_files is not None else []):
            self._env_file(draft, item, f"{draft.key}.env_file[{index}]")
        if own is not None and not isinstance(own.value, dict):
            self.report.lost(own, f"{draft.key}.environment", f"{own.shown} does not fit here")
        for name, node in own.members() if own is not None else ():
            key = f"{draft.key}.environment.{shown(name)}"
            if any(True for _ in names_in(name)) or "${" in name:
                self.report.lost(node, key, "a variable cannot stand in a name", "write the name out")
                continue
            value = text_of(node)
            if node.value is None:
                value = self.files.interpolation.passed_on(name, node, key)
                if value is None:
                    message = f"{name} has no value here and none in .env: it is left unset"
                    self.report.lost_field(node, key, message, "add it to env, or as a parameter")
                    continue
            if value is None:
                self.report.lost(node, key, f"{node.shown} is no value of a variable")
                continue
            if looks_secret(name) and value and value[0] != "/" and not any(True for _ in names_in(value)):
                message = "this looks like a secret in clear; it is carried as it stands"
                self.report.translated(node, key, message, "make it a parameter of type secret")
            draft.env[name] = node.with_value(value)

    def _env_file(self, draft: Draft, item: Node, key: str) -> None:
        path_node = item.get("path") if isinstance(item.value, dict) else item
        path = text_of(path_node) if path_node is not None else None
        if path is None or path_node is None:
            self.report.lost(item, key, f"{item.shown} names no file")
            return
        full = path if path.startswith("\ufdd0") else self._beside(path_node, path)
        text = self.files.text(full)
        if isinstance(text, Unreadable):
            message = f"{shown(path)} cannot be read, so its variables are missing: {text.reason}"
            self.report.lost(item, key, message, "add them to env")
        for number, name, given in variables_of(text) if isinstance(text, str) else ():
            node = Node(given, FilePlace(number, 1, full), FilePlace(number, 1, full))
            value = self.files.interpolation.passed_on(name, node, key) if given is None else given
            if not name or value is None or "${" in name:
                self.report.lost(node, f"{draft.key}.environment.{name}", "this line sets no variable")
            elif looks_secret(name) and value:
                message = f"{name} looks like a secret: its value stays in {path}, and a parameter asks for it"
                self.report.translated(node, f"{draft.key}.environment.{name}", message)
                self.parameters.declare(name, node, None, f"{name} of {draft.service}.", "")
                draft.env[name] = node.with_value(ref(name))
            else:
                filled = self.files.interpolation.text(value, node, f"{draft.key}.environment.{name}")
                draft.env[name] = node.with_value(filled)

    def _beside(self, node: Node, path: str) -> str:
        file = file_of(node)
        return beside(self.files.first if file in self.volumes.files or not file else file, path)

    def _files(self, draft: Draft, fields: Fields) -> None:
        listed = {name: fields.take(name) for name in ("volumes", "tmpfs", "secrets", "configs")}
        for name, node in listed.items():
            if node is not None and not isinstance(node.value, list):
                self.report.lost(node, f"{draft.key}.{name}", f"{node.shown} does not fit here", "write a list")
        volumes, tmpfs = listed["volumes"], listed["tmpfs"]
        for index, item in enumerate(volumes.items() if volumes is not None else []):
            self.volumes.volume(draft, item, f"{draft.key}.volumes[{index}]")
        if tmpfs is not None:
            self.volumes.tmpfs(draft, tmpfs, f"{draft.key}.tmpfs")
        for section in ("secrets", "configs"):
            node = listed[section]
            if node is not None:
                self.volumes.mounted(draft, section, node)

    def _others(self, draft: Draft, fields: Fields) -> None:
        profiles, grace, labels = fields.take("profiles"), fields.take("stop_grace_period"), fields.take("labels")
        fields.take("depends_on")
        texts = [text_of(item) for item in (profiles.items() if profiles is not None else [])]
        draft.profiles = tuple(text for text in texts if text)
        if grace is not None:
            value = seconds(text_of(grace) or "")
            if value is None:
                self.report.lost(grace, f"{draft.key}.stop_grace_period", f"{grace.shown} is no duration")
            else:
                draft.app["taskKillGracePeriodSeconds"] = grace.with_value(
                    int(value) if value == int(value) else round(value, 3)
                )
        if labels is not None and isinstance(labels.value, dict):
            kept = {name: node for name, node in labels.members() if "${" not in name and not list(names_in(name))}
            texts_of = {name: node.with_value(text_of(node) or "") for name, node in kept.items()}
            for name, node in labels.members():
                if name not in kept or isinstance(node.value, dict | list):
                    self.report.lost(node, f"{draft.key}.labels.{shown(name)}", "this label cannot be carried")
            if texts_of:
                draft.app["labels"] = labels.with_value(texts_of)
        elif labels is not None:
            self.report.lost(labels, f"{draft.key}.labels", f"{labels.shown} does not fit here")
        for name, member in fields.rest():
            reason = _ONLY_IN_COMPOSE.get(name, "this field of a service has no counterpart")
            if name.startswith("x-"):
                self.report.translated(
                    member, f"{draft.key}.{name}", "an extension, which Compose does not read either"
                )
            else:
                self.report.lost_field(member, f"{draft.key}.{name}", reason)
