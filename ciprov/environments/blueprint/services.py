"""What `${service.<app>.<port>}` stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ciprov.environments.blueprint.app_ports import AppPort, key_of
from ciprov.environments.blueprint.substitution import Answer, Filling, Open, Unknown
from ciprov.environments.blueprint.suggestions import did_you_mean, listed

PREFIX = "service."
_PARTS = frozenset({"host", "port"})
_FORM = "${service.<app>.<port>}, ${service.<app>.<port>.host}, ${service.<app>.<port>.port}"


@dataclass(frozen=True, slots=True)
class Services:
    """The service address, and the ports of every app by its id relative to the group."""

    address: str
    ports: Mapping[str, list[AppPort]]
    allocated: Mapping[str, int]

    def answer(self, name: str) -> Answer:
        """What `${name}` stands for; `name` starts with `service.`. Ids of apps may hold dots themselves."""
        words = name.removeprefix(PREFIX).split(".")
        if len(words) > 2 and words[-1] in _PARTS and ".".join(words[:-2]) in self.ports:
            return self._address(".".join(words[:-2]), words[-2], words[-1])
        if len(words) > 2 and self._has_port(".".join(words[:-2]), words[-2]):
            return Unknown(f"${{{name}}}: a port has no {words[-1]!r}", listed(_PARTS), did_you_mean(words[-1], _PARTS))
        if len(words) < 2:
            return Unknown(f"${{{name}}} names no port", _FORM, self._example(words[0]))
        return self._address(".".join(words[:-1]), words[-1], "")

    def _address(self, app: str, label: str, part: str) -> Answer:
        whole = f"${{{PREFIX}{app}.{label}{'.' + part if part else ''}}}"
        if app not in self.ports:
            return Unknown(f"{whole}: there is no app {app!r}", listed(self.ports), did_you_mean(app, self.ports))
        port = next((one for one in self.ports[app] if label in {one.name, str(one.index)}), None)
        if port is None:
            return self._no_port(whole, app, label)
        number = self.allocated.get(key_of(app, port), 0)
        if number:
            whole_address = f"{self.address}:{number}"
            return Filling({"": whole_address, "host": self.address, "port": number}[part])
        if port.has_open_number:
            return Open()  # what is wrong with the number itself is told where it stands
        return Unknown(f"{whole}: this port has no service port", way_out="give the port a number, or no requirePorts")

    def _no_port(self, whole: str, app: str, label: str) -> Answer:
        if any(port.has_open_name for port in self.ports[app]):
            return Open()
        labels = [port.label for port in self.ports[app]]
        return Unknown(f"{whole}: {app} has no port {label!r}", listed(labels), did_you_mean(label, labels))

    def _has_port(self, app: str, label: str) -> bool:
        return any(label in {port.name, str(port.index)} for port in self.ports.get(app, ()))

    def _example(self, app: str) -> str:
        ports = self.ports.get(app)
        return f"for example ${{{PREFIX}{app}.{ports[0].label}}}" if ports else f"the apps are {listed(self.ports)}"
