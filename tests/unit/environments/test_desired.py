"""From a blueprint to the environment as it shall be."""

import json

import pytest

from ciprov.environments.blueprint.findings import BlueprintError, Severity
from ciprov.environments.blueprint.load import load
from ciprov.environments.desired import Request, RequestError, build, check

COURSES = """\
blueprint: courses
parameters:
  workers: {type: integer, default: 1, minimum: 1, maximum: 8}
  store_port: {type: integer, default: 8500}
  token: {type: secret}
kinds:
  dev: {tools/worker: {env: {SPEED: null}}, api: {cpus: 0.1}}
  staging: {api: {instances: 3}, extra: null}
default_kind: dev
ttl: 1h30m
timeout: 90s
routes:
  - {name: front, app: web, port: http, path: /courses}
  - {name: api, app: api}
group:
  apps:
    - id: store
      cmd: store --port $PORT0 --files ${blueprint.dir}/files
      requirePorts: true
      portDefinitions: [{name: db, port: "${store_port}"}]
    - id: api
      cmd: api --store ${service.store.db} $${HOME} ${PORT0}
      env: {TOKEN: "${token}", WORKERS: "${workers}", VERSION: 1.10}
      dependencies: [store]
      portDefinitions: [{name: http, port: 0}]
    - id: web
      cmd: web ${service.api.http.host} ${service.api.0.port} ${env.name}
      dependencies: [/api]
      portDefinitions: [{name: http, port: 0}, {port: 0}]
    - {id: extra, cmd: sleep 1}
  groups:
    - id: tools
      dependencies: [../web]
      apps: [{id: worker, cmd: work, instances: "${workers}", portDefinitions: [], env: {SPEED: fast, A: b}}]
"""
TOKEN = {"CIPROV_PARAM_TOKEN": "tops3cret"}


def _request(**more):
    return Request(
        **{
            "name": "x",
            "group_path": "/ciprov/x",
            "service_address": "10.0.0.1",
            "blueprint_dir": "/srv/c",
            "environment": TOKEN,
            **more,
        }
    )


def _build(text=COURSES, **more):
    return build(load(text, "f.yaml")[0], _request(**more))


def test_ids_dependencies_and_labels_are_the_environments_own():
    desired = _build()

    assert list(desired.apps) == [f"/ciprov/x/{name}" for name in ("store", "api", "web", "extra", "tools/worker")]
    assert desired.apps["/ciprov/x/web"]["dependencies"] == ["/ciprov/x/api"]
    assert desired.apps["/ciprov/x/api"]["dependencies"] == ["/ciprov/x/store"]
    assert all(app["labels"] == {"CIPROV_ENV": "x", "CIPROV_BLUEPRINT": "courses"} for app in desired.apps.values())
    (tools,) = desired.group["groups"]
    assert (tools["id"], tools["dependencies"]) == ("/ciprov/x/tools", ["/ciprov/x/web"])
    assert tools["apps"] == [desired.apps["/ciprov/x/tools/worker"]]
    assert (desired.timeout, desired.ttl, desired.kind) == (90, 5400, "dev")


def test_ports_are_allocated_and_known_to_the_others():
    desired = _build(taken_ports={20002})

    assert desired.service_ports == {
        "store/db": 8500,
        "api/http": 20001,
        "web/http": 20003,
        "web/1": 20004,
        "extra/default": 20005,
    }
    assert desired.apps["/ciprov/x/store"]["portDefinitions"] == [{"name": "db", "port": 8500}]
    assert desired.apps["/ciprov/x/web"]["portDefinitions"] == [{"name": "http", "port": 20003}, {"port": 20004}]
    assert desired.apps["/ciprov/x/extra"]["portDefinitions"] == [{"port": 20005, "protocol": "tcp", "name": "default"}]
    assert desired.apps["/ciprov/x/api"]["cmd"] == "api --store 10.0.0.1:8500 ${HOME} ${PORT0}"
    assert desired.apps["/ciprov/x/web"]["cmd"] == "web 10.0.0.1 20001 x"
    assert desired.apps["/ciprov/x/store"]["cmd"] == "store --port $PORT0 --files /srv/c/files"


def test_recorded_ports_stay():
    first = _build(taken_ports={20002})

    assert _build(recorded_ports=first.service_ports).service_ports == first.service_ports


def test_routes_lead_to_service_ports():
    desired = _build()

    assert desired.routes[0] == {
        "name": "front",
        "app": "/ciprov/x/web",
        "port": "http",
        "path": "/courses",
        "service_port": 20002,
        "url": "http://10.0.0.1:20002/courses",
    }
    assert [route["url"] for route in desired.routes[1:]] == ["http://10.0.0.1:20001/"]


def test_kinds_patch_apps_and_null_removes():
    desired = _build(kind="staging", parameters={"workers": "4"})

    assert desired.apps["/ciprov/x/api"]["instances"] == 3
    assert "/ciprov/x/extra" not in desired.apps
    assert desired.apps["/ciprov/x/tools/worker"]["instances"] == 4
    assert _build().apps["/ciprov/x/tools/worker"]["env"] == {"A": "b"}
    assert _build(kind="").apps["/ciprov/x/tools/worker"]["env"] == {"SPEED": "fast", "A": "b"}


def test_values_in_env_become_texts_as_written():
    assert _build().apps["/ciprov/x/api"]["env"] == {"TOKEN": "tops3cret", "WORKERS": "1", "VERSION": "1.10"}


def test_secrets_stay_out_of_everything_that_is_shown_or_kept():
    desired = _build()

    assert "tops3cret" not in repr(desired) + repr(_request())
    assert desired.parameters == {"workers": 1, "store_port": 8500}
    assert desired.secret_values == {"tops3cret"}
    other = _build(environment={"CIPROV_PARAM_TOKEN": "tops3cre7"})
    assert desired.secret_fingerprints == _build().secret_fingerprints != other.secret_fingerprints
    assert "tops3cret" not in str(desired.secret_fingerprints)


def test_a_secret_that_does_not_fit_is_not_shown():
    with pytest.raises(BlueprintError) as refused:
        _build(COURSES.replace("$${HOME}", "x\n      cpus: ${token}\n      killSelection: a${token}"), kind="")
    assert "cpus" in str(refused.value)
    assert "tops3cret" not in str(refused.value) + repr(refused.value.findings)


def test_the_callers_mistakes_are_usage_errors():
    with pytest.raises(RequestError) as refused:
        _build(kind="stagin", parameters={"workers": "9", "tokn": "x"}, environment={})
    text = str(refused.value)
    assert refused.value.exit_code == 64
    for part in ("did you mean staging?", "'9' does not fit", "CIPROV_PARAM_TOKEN", "did you mean token?"):
        assert part in text


def test_half_an_upgrade_strategy_is_completed():
    text = COURSES.replace(
        "{id: extra, cmd: sleep 1}", "{id: extra, cmd: b, upgradeStrategy: {minimumHealthCapacity: 0.5}}"
    )
    apps = _build(text).apps
    assert apps["/ciprov/x/extra"]["upgradeStrategy"] == {"minimumHealthCapacity": 0.5, "maximumOverCapacity": 1}
    assert "upgradeStrategy" not in apps["/ciprov/x/api"]


def test_the_clusters_role_is_that_of_apps_that_name_none():
    text = COURSES.replace("{id: extra, cmd: sleep 1}", "{id: extra, cmd: sleep 1, role: own}")
    roles = {name.rpartition("/")[2]: app["role"] for name, app in _build(text, role="dev").apps.items()}
    assert roles == {"store": "dev", "api": "dev", "web": "dev", "worker": "dev", "extra": "own"}
    assert all("role" not in app for app in _build().apps.values())


def test_a_value_that_does_not_fit_is_told_without_what_follows_from_it():
    with pytest.raises(RequestError) as refused:
        _build(COURSES.replace("default: 8500", "default: 8500, maximum: 65535"), parameters={"store_port": "99999"})
    assert str(refused.value) == "--param: store_port: '99999' does not fit (allowed: a whole number, at most 65535)"


def test_a_broken_blueprint_builds_nothing_and_tells_everything():
    text = COURSES.replace("cmd: sleep 1", "cmd: sleep 1, instnaces: 1").replace("ttl: 1h30m", "ttl: 90")
    with pytest.raises(BlueprintError) as refused:
        _build(text)
    assert refused.value.exit_code == 1
    assert [finding.line for finding in refused.value.findings] == [10, 30]


def test_what_is_rewritten_is_noted_for_this_environment():
    text = """\
blueprint: shop
group:
  id: /shop
  apps:
    - id: /shop/db
      cmd: x
      portDefinitions: [{port: 0, labels: {VIP_0: "/db:5432"}}]
    - id: api
      cmd: run db.marathon.l4lb.thisdcos.directory:5432 db-shop.marathon.mesos
      dependencies: [/shop/db]
      container: {type: MESOS, volumes: [{containerPath: d, external: {name: data, provider: dvdi}}]}
"""
    desired = _build(text)

    api = desired.apps["/ciprov/x/api"]
    assert api["cmd"] == "run x-db.marathon.l4lb.thisdcos.directory:5432 db-x-ciprov.marathon.mesos"
    assert api["dependencies"] == ["/ciprov/x/db"]
    assert api["container"]["volumes"][0]["external"]["name"] == "data-x"
    assert desired.apps["/ciprov/x/db"]["portDefinitions"][0]["labels"] == {"VIP_0": "/x-db:5432"}
    assert {finding.severity for finding in desired.findings} == {Severity.NOTE}


def test_old_forms_get_their_ports_too():
    text = """\
blueprint: old
group:
  apps:
    - {id: a, cmd: "x ${service.b.0}", ports: [0, 0]}
    - {id: b, container: {type: DOCKER, docker: {image: x, network: BRIDGE, portMappings: [{containerPort: 80}]}}}
    - id: c
      networks: [{mode: container/bridge}]
      container: {type: DOCKER, docker: {image: x}, portMappings: [{containerPort: 80, hostPort: 0, servicePort: 0}]}
"""
    desired = _build(text)

    assert desired.apps["/ciprov/x/a"]["ports"] == [20001, 20002]
    assert desired.apps["/ciprov/x/a"]["cmd"] == "x 10.0.0.1:20003"
    docker = desired.apps["/ciprov/x/b"]["container"]["docker"]
    assert docker["portMappings"] == [{"containerPort": 80, "servicePort": 20003}]
    mapping = desired.apps["/ciprov/x/c"]["container"]["portMappings"][0]
    assert mapping == {"containerPort": 80, "hostPort": 0, "servicePort": 20004}


def test_ids_with_several_elements_lie_in_groups_of_their_own():
    desired = _build("blueprint: b\ngroup: {apps: [{id: data/db, cmd: x}, {id: api, cmd: x, dependencies: [data]}]}\n")

    assert desired.group["groups"][0]["id"] == "/ciprov/x/data"
    assert [app["id"] for app in desired.group["groups"][0]["apps"]] == ["/ciprov/x/data/db"]
    assert desired.apps["/ciprov/x/api"]["dependencies"] == ["/ciprov/x/data"]


def test_a_directory_that_is_not_known_is_an_error_only_where_it_is_needed():
    with pytest.raises(BlueprintError, match=r"\$\{blueprint.dir\} stands for nothing"):
        _build(blueprint_dir="")


def test_checking_takes_a_default_with_the_blueprints_directory():
    parameters = "parameters: {files: {default: 'file://${blueprint.dir}'}}"
    text = f"blueprint: b\n{parameters}\ngroup: {{apps: [{{id: a, cmd: run}}]}}\n"

    assert check(load(text, "f.yaml")[0]) == []


def test_a_directory_with_a_blank_is_a_proper_address():
    text = "blueprint: b\ngroup: {apps: [{id: a, cmd: run, fetch: [{uri: '${blueprint.url}/a.py'}]}]}\n"
    request = Request("x", "/ciprov/x", "127.0.0.1", blueprint_dir="/srv/my files/ä")

    app = build(load(text, "f.yaml")[0], request).apps["/ciprov/x/a"]

    assert app["fetch"] == [{"uri": "file:///srv/my%20files/%C3%A4/a.py"}]


def test_the_body_is_plain_json():
    desired = _build()

    assert json.loads(json.dumps(desired.group)) == desired.group


def test_the_time_to_live_is_that_of_the_kind():
    text = COURSES.replace("ttl: 1h30m", "ttl: {default: 8h, staging: never}")
    assert [_build(text, kind=kind).ttl for kind in ("dev", "", "staging")] == [28800, 28800, None]
    assert _build(COURSES.replace("ttl: 1h30m", "ttl: {dev: 4h}"), kind="staging").ttl is None
