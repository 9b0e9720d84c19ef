"""The values of a blueprint's parameters: given, from the environment variables, or by default; typed and limited."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from ciprov.environments.blueprint.findings import Finding, Severity
from ciprov.environments.blueprint.nodes import Node
from ciprov.environments.blueprint.records import Parameter
from ciprov.environments.blueprint.substitution import Answer, Filling, Open, Unknown, fill, unknown_name
from ciprov.environments.blueprint.suggestions import did_you_mean, listed
from ciprov.foundation.json import JsonValue

VARIABLE_PREFIX = "CIPROV_PARAM_"
COMMAND_LINE = "--param"
"""How findings name the place of a value that was given on the command line."""


class Secret:
    """A value that shows itself to nobody: `reveal()` is the only way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True, slots=True)
class Values:
    """Resolved parameters: `by_name` holds texts, numbers, booleans and `Secret`s of all that have a value."""

    by_name: Mapping[str, Any]
    findings: tuple[Finding, ...] = ()

    @property
    def public(self) -> dict[str, object]:
        return {name: value for name, value in self.by_name.items() if not isinstance(value, Secret)}

    @property
    def secrets(self) -> dict[str, Secret]:
        return {name: value for name, value in self.by_name.items() if isinstance(value, Secret)}

    @property
    def secret_values(self) -> frozenset[str]:
        """The texts that no output may show."""
        return frozenset(secret.reveal() for secret in self.secrets.values() if secret.reveal())


def variable(name: str) -> str:
    """The environment variable of parameter `name`: `db-password` → `CIPROV_PARAM_DB_PASSWORD`."""
    return VARIABLE_PREFIX + re.sub(r"[^A-Z0-9]", "_", name.upper())


@dataclass
class Resolver:
    """Resolves once. `constants` are the names that defaults may use besides parameters (`env.name`, …)."""

    file: str
    parameters: Mapping[str, Parameter]
    constants: Mapping[str, str]
    given: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    findings: list[Finding] = field(default_factory=list)
    _done: dict[str, Any] = field(default_factory=dict, repr=False)
    _failed: set[str] = field(default_factory=set)

    def resolve(self) -> Values:
        """All values. What was given but is not declared, does not fit or is missing becomes a finding."""
        for name in self.given:
            if name not in self.parameters:
                allowed = listed(self.parameters)
                self._outside(name, "the blueprint has no such parameter", allowed, did_you_mean(name, self.parameters))
        for name in self.parameters:
            self._value(name, ())
        return Values({name: self._done[name] for name in self.parameters if name in self._done}, tuple(self.findings))

    def _value(self, name: str, trail: tuple[str, ...]) -> None:
        """Leaves the value of `name` in `_done`, or the name in `_failed` with a finding."""
        if name in self._done or name in self._failed:
            return
        parameter = self.parameters[name]
        if name in self.given:
            if parameter.is_secret:
                message = "a secret on the command line can be read by everybody on this machine"
                self._outside(name, message, "", f"set {variable(name)} instead", Severity.WARNING)
            self._take(parameter, self.given[name], COMMAND_LINE)
        elif variable(name) in self.environment:
            self._take(parameter, self.environment[variable(name)], f"${variable(name)}")
        elif parameter.default is not None:
            self._default(parameter, parameter.default, (*trail, name))
        else:
            by_file = f"set {variable(name)} or give {COMMAND_LINE} {name}=@FILE"
            way_out = by_file if parameter.is_secret else f"give {COMMAND_LINE} {name}=…"
            self._fail(parameter, Finding(COMMAND_LINE, 0, 0, name, "a value is needed", expected(parameter), way_out))

    def _take(self, parameter: Parameter, text: str, source: str) -> None:
        value = typed(parameter, text)
        if value is None or unfit(parameter, value):
            shown = "this value" if parameter.is_secret else repr(text)
            self._fail(parameter, Finding(source, 0, 0, parameter.name, f"{shown} does not fit", expected(parameter)))
        else:
            self._done[parameter.name] = Secret(str(value)) if parameter.is_secret else value

    def _default(self, parameter: Parameter, default: Node, trail: tuple[str, ...]) -> None:
        before = len(self.findings)
        waiting: list[str] = []

        def lookup(inner: str) -> Answer:
            answer = self._inner(inner, trail)
            waiting.extend([inner] if isinstance(answer, Open) else [])
            return answer

        filled = fill(default, lookup, self._report, f"parameters.{parameter.name}.default")
        if waiting or len(self.findings) > before:
            self._failed.add(parameter.name)
            return
        value = filled.value
        if isinstance(value, str) and parameter.type not in {"string", "secret"} and default.value != value:
            value = typed(parameter, value)
        if value is None or unfit(parameter, value):
            key = f"parameters.{parameter.name}.default"
            at = default.at
            message = f"{filled.shown} does not fit" if not parameter.is_secret else "the default does not fit"
            self._fail(parameter, Finding(self.file, at.line, at.column, key, message, expected(parameter)))
        else:
            hidden = parameter.is_secret or filled.secret
            self._done[parameter.name] = Secret(str(value)) if hidden else value

    def _inner(self, name: str, trail: tuple[str, ...]) -> Answer:
        if name in trail:
            circle = " → ".join([*trail[trail.index(name) :], name])
            return Unknown(f"the defaults of parameters need each other: {circle}", way_out="give one a plain default")
        if name in self.parameters:
            self._value(name, trail)
        if name.startswith("service."):
            return Unknown(f"${{{name}}} cannot stand in a parameter's default", "other parameters, env.name")
        return answer_from(name, self._done, self.constants, self._failed)

    def _report(self, node: Node, key: str, unknown: Unknown) -> None:
        at = node.at
        self.findings.append(
            Finding(self.file, at.line, at.column, key, unknown.message, unknown.allowed, unknown.way_out)
        )

    def _fail(self, parameter: Parameter, finding: Finding) -> None:
        self._failed.add(parameter.name)
        self.findings.append(finding)

    def _outside(
        self, name: str, message: str, allowed: str, way_out: str, severity: Severity = Severity.ERROR
    ) -> None:
        self.findings.append(Finding(COMMAND_LINE, 0, 0, name, message, allowed, way_out, severity))


def answer_from(
    name: str, values: Mapping[str, Any], constants: Mapping[str, str], still_open: Collection[str]
) -> Answer:
    """What `${name}` stands for, of parameters and constants. `still_open` are parameters that have no value."""
    if name in still_open:
        return Open()
    if name in values:
        value = values[name]
        return Filling(value.reveal(), secret=True) if isinstance(value, Secret) else Filling(value)
    if name in constants:
        # Copies of an environment share the blueprint's directory: it keeps nothing apart.
        return Filling(constants[name], per_environment=not name.startswith("blueprint."))
    return unknown_name(name, {*values, *constants, *still_open})


def typed(parameter: Parameter, text: str) -> JsonValue:
    """`text` in the parameter's type; None where it is not of that type."""
    value: JsonValue = text
    if parameter.type == "integer":
        value = int(text) if re.fullmatch(r"\s*[-+]?\d{1,30}\s*", text, re.ASCII) else None
    elif parameter.type == "number":
        value = _number(text)
    elif parameter.type == "boolean":
        value = {"true": True, "false": False}.get(text.strip().lower())
    return value


def _number(text: str) -> JsonValue:
    if re.fullmatch(r"\s*[-+]?\d{1,30}\s*", text, re.ASCII):
        return int(text)
    if not re.fullmatch(r"\s*[-+]?(\d{1,30}\.?\d{0,30}|\.\d{1,30})([eE][-+]?\d{1,3})?\s*", text, re.ASCII):
        return None
    return float(text) if math.isfinite(float(text)) else None


def unfit(parameter: Parameter, value: JsonValue) -> bool:
    """Whether `value` has the wrong type or lies outside the parameter's limits."""
    if not _has_type(parameter.type, value):
        return True
    if parameter.enum and not any(
        value == one and isinstance(value, bool) == isinstance(one, bool) for one in parameter.enum
    ):
        return True
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = parameter.minimum, parameter.maximum
        return (low is not None and value < low) or (high is not None and value > high)
    return isinstance(value, str) and bool(parameter.pattern) and not re.fullmatch(parameter.pattern or "", value)


def _has_type(name: str, value: JsonValue) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if isinstance(value, int):
        return name in {"integer", "number"}
    return name == "number" if isinstance(value, float) else isinstance(value, str) and name in {"string", "secret"}


def expected(parameter: Parameter) -> str:
    """What values the parameter takes, in words."""
    if parameter.enum:
        return ", ".join(str(one).lower() if isinstance(one, bool) else str(one) for one in parameter.enum)
    words = {"string": "text", "secret": "text", "integer": "a whole number", "number": "a number"}
    text = words.get(parameter.type, "true or false")
    low, high = parameter.minimum, parameter.maximum
    if low is not None and high is not None:
        text += f" from {low:g} to {high:g}"
    elif low is not None or high is not None:
        text += f", at least {low:g}" if low is not None else f", at most {high:g}"
    return f"{text} that matches {parameter.pattern} as a whole" if parameter.pattern else text
