"""What an environment shall be: a blueprint with parameters, kind, addresses and ports filled in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from ciprov.environments.blueprint.app_ports import AppPort, key_of
from ciprov.environments.blueprint.assembly import Assembly, Scene, assemble, with_kind
from ciprov.environments.blueprint.body import group_body
from ciprov.environments.blueprint.collisions import Copy
from ciprov.environments.blueprint.findings import BlueprintError, Finding, errors, in_order, refuse_errors
from ciprov.environments.blueprint.hooks import of_kind
from ciprov.environments.blueprint.kind_keys import with_kind_keys
from ciprov.environments.blueprint.nodes import Node
from ciprov.environments.blueprint.parameters import Resolver, Values
from ciprov.environments.blueprint.records import Blueprint, Route
from ciprov.environments.blueprint.secrecy import fingerprint, redacted
from ciprov.environments.blueprint.suggestions import did_you_mean, listed
from ciprov.environments.blueprint.tree import Tree, has_members
from ciprov.environments.hooks.records import Hook
from ciprov.environments.service_ports import DEFAULT_RANGE, PortRange
from ciprov.foundation.errors import USAGE
from ciprov.foundation.json import JsonObject

ENV_LABEL = "CIPROV_ENV"
BLUEPRINT_LABEL = "CIPROV_BLUEPRINT"


class RequestError(BlueprintError):
    """The blueprint is fine, what was asked of it is not: an unknown kind, a missing or unfit parameter."""

    exit_code = USAGE


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a blueprint.

    `name` is the environment's slug and `group_path` its absolute group. `kind` None takes the blueprint's default, ""
    applies none. `parameters` are texts from the command line, `environment` the environment variables (a parameter
    `db-password` is read from `CIPROV_PARAM_DB_PASSWORD`). `blueprint_dir` is the absolute directory of the file.
    `recorded_ports` are the record's `service_ports`; `taken_ports` all service ports outside this environment.
    `role` is the Mesos role of apps that name none; empty leaves it to Marathon.
    """

    name: str
    group_path: str
    service_address: str
    blueprint_dir: str = ""
    kind: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    recorded_ports: Mapping[str, int] = field(default_factory=dict)
    taken_ports: Collection[int] = ()
    port_range: PortRange = DEFAULT_RANGE
    role: str = ""


@dataclass(frozen=True, slots=True)
class Desired:
    """The environment as it shall be.

    `group` is the body for the group PUT: absolute ids, complete app definitions, `apps` and `groups` in every group
    (so that what is missing goes away), group dependencies kept. `apps` are the same app definitions by absolute id.
    `service_ports` maps `<app id relative to the group>/<port name or index>` to every service port, allocated or
    fixed. `routes` hold `name`, `app` (absolute), `port`, `path`, `service_port` and `url`; the first is the front.
    `timeout` is in seconds per app, `ttl` in seconds or None for never. `parameters` are the resolved values without
    secrets, `secret_fingerprints` salted hashes of those, `secret_values` the texts that no output may show.
    `findings` are warnings and notes, never errors. `hooks` are in the order of the blueprint.
    """

    name: str
    kind: str
    blueprint: str
    group_path: str
    group: JsonObject = field(repr=False)
    apps: Mapping[str, JsonObject] = field(repr=False)
    service_ports: Mapping[str, int]
    routes: tuple[JsonObject, ...]
    timeout: int
    ttl: int | None
    parameters: Mapping[str, object]
    secret_fingerprints: Mapping[str, str]
    secret_values: frozenset[str] = field(repr=False)
    team: str = ""
    findings: tuple[Finding, ...] = ()
    hooks: tuple[Hook, ...] = ()


def build(blueprint: Blueprint, request: Request) -> Desired:
    """Fill in `blueprint`. Raises `BlueprintError` with all findings (`RequestError` where only the call is at fault),
    and `PortsExhausted`.
    """
    refuse_errors(blueprint.findings)
    kind = blueprint.default_kind if request.kind is None else request.kind
    blueprint = replace(blueprint, hooks=of_kind(blueprint.hooks, kind))
    values, constants = _values(blueprint, request)
    findings = [*blueprint.findings, *values.findings, *_kind_findings(blueprint, kind)]
    tree = with_kind(blueprint, kind)
    assembly = assemble(blueprint, tree, _scene(blueprint, request, values, constants))
    findings += [*with_kind_keys(assembly.findings, blueprint, kind), *_no_app_findings(blueprint, kind, tree)]
    labels = {ENV_LABEL: request.name, BLUEPRINT_LABEL: blueprint.name}
    body = group_body(assembly, request.group_path, labels, request.role)
    findings += [*with_kind_keys(body.findings, blueprint, kind), *_route_findings(blueprint, assembly)]
    findings = in_order(redacted(finding, values.secret_values) for finding in findings)
    if errors(findings):
        only_call = all(finding.line == 0 for finding in errors(findings))
        raise (RequestError if only_call else BlueprintError)(findings)
    return Desired(
        name=request.name,
        kind=kind,
        blueprint=blueprint.name,
        group_path=request.group_path,
        group=body.group,
        apps=body.apps,
        service_ports=assembly.service_ports,
        routes=tuple(_route(route, assembly, request) for route in blueprint.routes),
        timeout=blueprint.timeout,
        ttl=blueprint.ttl_by_kind.get(kind, blueprint.ttl),
        parameters=values.public,
        secret_fingerprints={
            name: fingerprint(secret, f"{request.group_path}/{name}") for name, secret in values.secrets.items()
        },
        secret_values=values.secret_values,
        findings=tuple(findings),
        hooks=assembly.hooks,
    )


def hooks_again(blueprint: Blueprint, request: Request) -> tuple[tuple[Hook, ...], Values]:
    """The hooks of an environment that exists, where not every parameter is at hand: a hook names those it misses.
    With them come the values of the parameters.

    Raises `BlueprintError` where the blueprint cannot be read.
    """
    refuse_errors(blueprint.findings)
    kind = request.kind or ""
    blueprint = replace(blueprint, hooks=of_kind(blueprint.hooks, kind))
    values, constants = _values(blueprint, request)
    scene = replace(_scene(blueprint, request, values, constants), port_range=PortRange(1, 1_000_000))
    return assemble(blueprint, with_kind(blueprint, kind), scene).hooks, values


def resolved(blueprint: Blueprint, request: Request) -> Values:
    """The parameters alone; what does not fit or is missing is among the findings."""
    return _values(blueprint, request)[0]


def check(blueprint: Blueprint) -> list[Finding]:
    """All findings of reading and of filling in every kind, by place.

    Parameters without a default stay open: what they stand in is judged at `build`.
    """
    findings = list(blueprint.findings)
    if not blueprint.group.value:
        return findings
    sample = Request("example", "/ciprov/example", "127.0.0.1", blueprint_dir="/directory-of-the-blueprint")
    values, constants = _values(blueprint, sample)
    findings += [finding for finding in values.findings if finding.line]
    for kind in [*([] if blueprint.default_kind in blueprint.kinds else [""]), *blueprint.kinds]:
        tree = with_kind(blueprint, kind)
        everything = PortRange(1, 1_000_000)
        scene = replace(_scene(blueprint, sample, values, constants), port_range=everything)
        assembly = assemble(replace(blueprint, hooks=of_kind(blueprint.hooks, kind)), tree, scene)
        body = group_body(assembly, sample.group_path, labels={})
        findings += with_kind_keys([*assembly.findings, *body.findings], blueprint, kind)
        findings += [*_no_app_findings(blueprint, kind, tree), *_route_findings(blueprint, assembly)]
    return in_order(redacted(finding, values.secret_values) for finding in findings)


def _values(blueprint: Blueprint, request: Request) -> tuple[Values, dict[str, str]]:
    constants = {
        "env.name": request.name,
        "blueprint.dir": request.blueprint_dir,
        "blueprint.url": PurePosixPath(request.blueprint_dir).as_uri() if request.blueprint_dir else "",
    }
    known = {name: value for name, value in constants.items() if value}
    resolver = Resolver(blueprint.file, blueprint.parameters, known, request.parameters, request.environment)
    return resolver.resolve(), known


def _scene(blueprint: Blueprint, request: Request, values: Values, constants: Mapping[str, str]) -> Scene:
    return Scene(
        copy=Copy(request.name, request.group_path, blueprint.name, blueprint.file),
        values=values,
        constants=constants,
        service_address=request.service_address,
        recorded_ports=request.recorded_ports,
        taken_ports=request.taken_ports,
        port_range=request.port_range,
    )


def _kind_findings(blueprint: Blueprint, kind: str) -> list[Finding]:
    if not kind or kind in blueprint.kinds:
        return []
    way_out = did_you_mean(kind, blueprint.kinds)
    return [Finding("--kind", 0, 0, "", f"the blueprint has no kind {kind!r}", listed(blueprint.kinds), way_out)]


def _no_app_findings(blueprint: Blueprint, kind: str, tree: Tree) -> list[Finding]:
    """A kind that takes away every app. That the blueprint itself has none is told when it is read."""
    patches: Node | None = blueprint.kinds.get(kind)
    if patches is None or has_members(tree.groups[0].node) or not has_members(blueprint.group):
        return []
    message = "a blueprint needs at least one app, this kind leaves none"
    return [Finding(blueprint.file, patches.at.line, patches.at.column, f"kinds.{kind}", message)]


def _route_findings(blueprint: Blueprint, assembly: Assembly) -> list[Finding]:
    """Routes whose app or port the kind or a parameter took away."""
    findings: list[Finding] = []
    for index, route in enumerate(blueprint.routes):
        place = (blueprint.file, route.at.line, route.at.column)
        ports = assembly.ports.get(route.app)
        if ports is None and route.app:
            message = f"there is no app {route.app!r}"
            way_out = did_you_mean(route.app, assembly.ports)
            findings.append(Finding(*place, f"routes[{index}].app", message, listed(assembly.ports), way_out))
        elif ports is not None and _route_port(route, ports) is None and not any(port.has_open_name for port in ports):
            labels = [port.label for port in ports]
            message = f"the app {route.app} has no port {route.port!r}"
            way_out = did_you_mean(route.port, labels)
            findings.append(Finding(*place, f"routes[{index}].port", message, listed(labels), way_out))
    return findings


def _route_port(route: Route, ports: Sequence[AppPort]) -> AppPort | None:
    return next((port for port in ports if route.port in {port.name, str(port.index)}), None)


def _route(route: Route, assembly: Assembly, request: Request) -> JsonObject:
    port = _route_port(route, assembly.ports[route.app])
    number = assembly.service_ports.get(key_of(route.app, port), 0) if port else 0
    return {
        "name": route.name,
        "app": f"{request.group_path.rstrip('/')}/{route.app}",
        "port": port.label if port else route.port,
        "path": route.path,
        "service_port": number,
        "url": f"http://{request.service_address}:{number}{route.path}",
    }
