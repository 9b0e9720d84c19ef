"""Records to JSON exactly as Marathon answers: defaults shown, some empty collections left out."""

from __future__ import annotations

from typing import Any

from ciprov.localcluster.definitions.app import (
    App,
    Container,
    FetchUri,
    HealthCheck,
    Network,
    PortDefinition,
    PortMapping,
    ReadinessCheck,
)

Json = dict[str, Any]


def number(value: float) -> float | int:
    """A whole number without a fraction, as it was written."""
    return int(value) if value == int(value) else value


def _given(**fields: Any) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


def _filled(**fields: Any) -> Json:
    return {name: value for name, value in fields.items() if value}


def _port_definition(item: PortDefinition) -> Json:
    return {"port": item.port, **_filled(labels=item.labels), **_given(name=item.name), "protocol": item.protocol}


def _port_mapping(item: PortMapping) -> Json:
    return {
        "containerPort": item.container_port,
        **_given(hostPort=item.host_port),
        "labels": item.labels,
        **_given(name=item.name),
        "protocol": item.protocol,
        "servicePort": item.service_port,
        **_filled(networkNames=list(item.network_names)),
    }


def _network(item: Network) -> Json:
    return {**_given(name=item.name), "mode": item.mode, **_filled(labels=item.labels)}


def _container(item: Container) -> Json:
    result: Json = {"type": item.type}
    if item.docker is not None:
        docker: Json = {
            "forcePullImage": item.docker.force_pull_image,
            "image": item.docker.image,
            "parameters": list(item.docker.parameters),
            "privileged": item.docker.privileged,
        }
        result["docker"] = {**docker, **_given(pullConfig=item.docker.pull_config)}
    result.update(_given(linuxInfo=item.linux_info))
    result["volumes"] = list(item.volumes)
    if item.port_mappings is not None:
        result["portMappings"] = [_port_mapping(mapping) for mapping in item.port_mappings]
    return result


def _fetch(item: FetchUri) -> Json:
    return {
        "uri": item.uri,
        "extract": item.extract,
        "executable": item.executable,
        "cache": item.cache,
        **_given(destPath=item.dest_path),
    }


def _health_check(item: HealthCheck) -> Json:
    return {
        **_given(command=None if item.command is None else {"value": item.command.value}),
        "gracePeriodSeconds": item.grace_period_seconds,
        **({"ignoreHttp1xx": item.ignore_http1xx} if item.protocol in ("HTTP", "HTTPS") else {}),
        "intervalSeconds": item.interval_seconds,
        "maxConsecutiveFailures": item.max_consecutive_failures,
        **_given(path=item.path, port=item.port, portIndex=item.port_index),
        "protocol": item.protocol,
        "ipProtocol": item.ip_protocol,
        "timeoutSeconds": item.timeout_seconds,
        "delaySeconds": item.delay_seconds,
    }


def _readiness_check(item: ReadinessCheck) -> Json:
    return {
        "name": item.name,
        "protocol": item.protocol,
        "path": item.path,
        "portName": item.port_name,
        "intervalSeconds": item.interval_seconds,
        "timeoutSeconds": item.timeout_seconds,
        "httpStatusCodesForReady": list(item.http_status_codes_for_ready),
        "preserveLastResponse": item.preserve_last_response,
    }


def render_app(app: App) -> Json:
    """The definition as `GET /v2/apps/{id}` shows it, without counts and tasks."""
    result: Json = {
        "id": app.id,
        **_filled(acceptedResourceRoles=list(app.accepted_resource_roles or ()), args=list(app.args)),
        "backoffFactor": number(app.backoff_factor),
        "backoffSeconds": number(app.backoff_seconds),
        **_given(cmd=app.cmd),
        **_filled(constraints=[list(item) for item in app.constraints]),
        **({} if app.container is None else {"container": _container(app.container)}),
        "cpus": number(app.cpus),
        **_filled(dependencies=list(app.dependencies)),
        "disk": number(app.disk),
        **_filled(env=dict(app.env)),
        "executor": app.executor,
        **_given(executorResources=app.executor_resources),
        **_filled(fetch=[_fetch(item) for item in app.fetch]),
        **_filled(healthChecks=[_health_check(item) for item in app.health_checks]),
        **_given(check=app.check),
        "instances": app.instances,
        "labels": dict(app.labels),
        "maxLaunchDelaySeconds": number(app.max_launch_delay_seconds),
        "mem": number(app.mem),
        "gpus": app.gpus,
        "networks": [_network(item) for item in app.networks],
    }
    if app.host_networking:
        result["portDefinitions"] = [_port_definition(item) for item in app.port_definitions]
    grace = app.task_kill_grace_period_seconds
    result.update(
        {
            **_filled(readinessChecks=[_readiness_check(item) for item in app.readiness_checks]),
            **_given(residency=app.residency, resourceLimits=app.resource_limits),
            "requirePorts": app.require_ports,
            **_filled(secrets=dict(app.secrets)),
            **_given(taskKillGracePeriodSeconds=None if grace is None else number(grace)),
            "upgradeStrategy": {
                "maximumOverCapacity": number(app.upgrade_strategy.maximum_over_capacity),
                "minimumHealthCapacity": number(app.upgrade_strategy.minimum_health_capacity),
            },
            **_given(user=app.user),
            **_filled(version=app.version),
            **_version_info(app),
            "killSelection": app.kill_selection,
            "unreachableStrategy": app.unreachable_strategy,
            **_given(tty=app.tty),
            "role": app.role,
        }
    )
    return result


def _version_info(app: App) -> Json:
    info = app.version_info
    if not info.last_config_change_at:
        return {}
    return {"versionInfo": {"lastScalingAt": info.last_scaling_at, "lastConfigChangeAt": info.last_config_change_at}}
