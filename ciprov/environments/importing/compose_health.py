"""`healthcheck` of a service as a COMMAND check, which runs in the container as Compose's does."""

from __future__ import annotations

import math
import re
import shlex
from dataclasses import dataclass

from ciprov.environments.blueprint.nodes import Node
from ciprov.environments.importing.compose_draft import Draft, number_in, same_place
from ciprov.environments.importing.parameters import Parameters
from ciprov.environments.importing.references import whole
from ciprov.environments.importing.sources import Fields, Report, text_of

_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(h|ms|us|m|s|d|w)")
_UNITS = {"w": 604800.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 0.000001}
_LEAST_GRACE = 300


def seconds(text: str) -> float | None:
    """A duration of Compose, such as `1m30s`, in seconds; None where it is none."""
    total, end = 0.0, 0
    for match in _PART.finditer(text):
        if match.start() != end:
            return None
        total, end = total + float(match[1]) * _UNITS[match[2]], match.end()
    return total if end == len(text) and end else None


@dataclass
class Health:
    parameters: Parameters
    report: Report

    def check(self, draft: Draft, node: Node) -> None:
        """Give `draft` the health check of `node`."""
        key = f"{draft.key}.healthcheck"
        fields = Fields(node)
        test, disabled = fields.take("test"), fields.take("disable")
        interval = self._seconds(fields, "interval", key, 30)
        timeout = self._seconds(fields, "timeout", key, 30)
        start = self._seconds(fields, "start_period", key, 0)
        retries = number_in(fields.take("retries"))
        early = fields.take("start_interval")
        if early is not None:
            self.report.lost_field(early, f"{key}.start_interval", "Marathon has one interval")
        for name, member in fields.rest():
            self.report.lost_field(member, f"{key}.{name}", "this field of a health check is not known")
        command = self._command(test, key) if test is not None else None
        if disabled is not None and disabled.value is True:
            self.report.translated(disabled, f"{key}.disable", "no check: an app of Marathon has none by itself")
            return
        if command is None:
            if test is None:
                message = "the check itself is that of the image, which is not known here"
                self.report.lost(node, key, message, "add healthChecks to the app")
            return
        times = int(retries) if isinstance(retries, int | float) and 0 <= retries < 1e6 else 3
        if isinstance(retries, str):
            self.report.lost_field(node, f"{key}.retries", "a variable cannot stand here: 3 is taken")
        grace = max(_LEAST_GRACE, math.ceil(start + interval * times))
        check = {
            "protocol": "COMMAND",
            "command": {"value": command},
            "gracePeriodSeconds": grace,
            "intervalSeconds": max(1, math.ceil(interval)),
            "timeoutSeconds": max(1, math.ceil(timeout)),
            "maxConsecutiveFailures": times,
        }
        message = f"Marathon replaces tasks that fail the check, from {grace} s after their start or the first success"
        self.report.translated(node, key, message)
        draft.check = same_place(check, test or node)

    def _command(self, test: Node, key: str) -> str | None:
        if isinstance(test.value, str):
            return test.value or None
        words = [text_of(item) for item in test.items()]
        plain = [word for word in words if word is not None]
        if not plain or len(plain) != len(words):
            self.report.lost(test, f"{key}.test", f"{test.shown} is no command")
            return None
        if plain[0] == "NONE":
            self.report.translated(test, f"{key}.test", "no check: an app of Marathon has none by itself")
            return None
        if plain[0] == "CMD-SHELL":
            return " ".join(plain[1:]) or None
        return joined_words(plain[1:] if plain[0] == "CMD" else plain) or None

    def _seconds(self, fields: Fields, name: str, key: str, default: float) -> float:
        node = fields.take(name)
        if node is None:
            return default
        text = text_of(node) or ""
        parameter = whole(text)
        if parameter is not None and parameter in self.parameters.known:
            text = self.parameters.known[parameter].default or ""
        value = seconds(text)
        if value is None or parameter is not None:
            taken = default if value is None else value
            message = f"{node.shown if parameter is None else 'a variable'} cannot stand here: {taken:g} s is taken"
            self.report.lost(node, f"{key}.{name}", message, "write a duration such as 30s")
            return taken
        return value


def joined_words(words: list[str]) -> str:
    """Words as one line for the shell."""
    return " ".join(shlex.quote(word) for word in words)
