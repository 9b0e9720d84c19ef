"""Operator calls: against a loopback stand-in for what masters answer, and against a real master where one is named."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from real_mesos import RealMesos, given_address

from ciprov.clients.connection import Connection
from ciprov.clients.mesos_agents import HttpAgents
from ciprov.clients.mesos_operator import OperationRefused
from ciprov.environments.upkeep.finding import find
from ciprov.environments.upkeep.orphans import Orphan, Sightings, Sort
from ciprov.environments.upkeep.reservations import calls

CALL = {"type": "UNRESERVE_RESOURCES", "unreserve_resources": {}}


class Master:
    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.status, self.body, self.location = 202, b"", ""
        self.state: Any = {"frameworks": []}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.calls.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(outer.status)
                if outer.location:
                    self.send_header("Location", outer.location)
                self.end_headers()
                self.wfile.write(outer.body)

            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(outer.state).encode())

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def masters() -> Iterator[tuple[Master, Master]]:
    pair = Master(), Master()
    yield pair
    for one in pair:
        one.close()


def client(*addresses: str, **auth: str) -> HttpAgents:
    return HttpAgents(Connection("c", [f"http://{one}" for one in addresses], **auth))


def test_a_call_is_sent_once(masters: tuple[Master, Master]) -> None:
    first, second = masters
    client(first.address, second.address).operate(CALL)
    assert (first.calls, second.calls) == ([CALL], [])


def test_a_master_that_is_down_is_passed_over(masters: tuple[Master, Master]) -> None:
    client("127.0.0.1:1", masters[0].address).operate(CALL)
    assert masters[0].calls == [CALL]


def test_a_master_that_does_not_lead_sends_it_on(masters: tuple[Master, Master]) -> None:
    first, leader = masters
    first.status, first.location = 307, f"//{leader.address}/api/v1"
    client(first.address).operate(CALL)
    assert leader.calls == [CALL]


def test_credentials_go_to_configured_masters_alone(masters: tuple[Master, Master]) -> None:
    first, leader = masters
    first.status, first.location = 307, f"//{leader.address}/api/v1"
    with pytest.raises(OperationRefused, match=leader.address):
        client(first.address, user="ann", password="pw").operate(CALL)
    assert leader.calls == []
    client(first.address, leader.address, user="ann", password="pw").operate(CALL)
    assert leader.calls == [CALL]


def test_a_refusal_is_told(masters: tuple[Master, Master]) -> None:
    masters[0].status, masters[0].body = 409, b"resources are in use"
    with pytest.raises(OperationRefused, match="in use"):
        client(masters[0].address).operate(CALL)
    with pytest.raises(OperationRefused, match="no Mesos master can be reached"):
        client("127.0.0.1:1").operate(CALL)


def test_tasks_of_a_framework_and_partial_answers(masters: tuple[Master, Master]) -> None:
    master = masters[0]
    assert client(master.address).tasks_of("F") is None
    master.state = {"frameworks": [{"id": "F", "tasks": [{"id": "a"}], "unreachable_tasks": [{"id": "b"}]}]}
    assert client(master.address).tasks_of("F") == [{"id": "a"}, {"id": "b"}]
    master.state = {"version": "1.11.0"}
    assert client(master.address).tasks_of("F") is None
    assert HttpAgents(None).tasks_of("F") is None


# ── a real master ──


@pytest.fixture
def real(tmp_path: Path) -> Iterator[str]:
    if address := given_address():
        yield f"http://{address.removeprefix('http://')}"
        return
    mesos = RealMesos(tmp_path, agents=1)
    mesos.start()
    yield f"http://{mesos.address}"
    mesos.stop()


def slaves(url: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{url}/slaves", timeout=5) as answer:
        return json.load(answer)["slaves"]  # type: ignore[no-any-return]


def reserved(joined: str, framework: str, name: str, amount: float) -> dict[str, Any]:
    labels = {"marathon_framework_id": framework, "marathon_task_id": f"{joined}.instance-{uuid.uuid4()}._app.1"}
    listed = [{"key": key, "value": value} for key, value in labels.items()]
    reservation = {"type": "DYNAMIC", "role": "gc", "principal": "marathon", "labels": {"labels": listed}}
    return {"name": name, "type": "SCALAR", "scalar": {"value": amount}, "reservations": [reservation]}


def look(url: str, framework: str, *apps: str) -> tuple[Orphan, ...]:
    live = {one: {"id": one} for one in apps}
    seen = Sightings("/ciprov", {"id": "/"}, live, (), tasks=(), slaves=slaves(url), framework_id=framework)
    return find(seen, (Sort.VOLUMES,))


def test_volumes_and_reservations_are_given_back_on_a_real_master(real: str) -> None:
    framework, mesos = str(uuid.uuid4()), HttpAgents(Connection("real", [real]))
    agent = {"value": slaves(real)[0]["id"]}
    made = []
    for joined in ("ciprov_gone_db", "ciprov_here_db"):
        disk, cpus = reserved(joined, framework, "disk", 32), reserved(joined, framework, "cpus", 0.1)
        volume = {"persistence": {"id": f"{joined}#data#{uuid.uuid4()}", "principal": "marathon"}}
        volume["volume"] = {"mode": "RW", "container_path": "data"}
        made.append((disk, cpus))
        mesos.operate(
            {"type": "RESERVE_RESOURCES", "reserve_resources": {"agent_id": agent, "resources": [disk, cpus]}}
        )
        create = {"agent_id": agent, "volumes": [{**disk, "disk": volume}]}
        mesos.operate({"type": "CREATE_VOLUMES", "create_volumes": create})
    assert len(look(real, framework)) == 2

    (orphan,) = look(real, framework, "/ciprov/here/db")
    assert orphan.environment == "gone"
    for call in calls(orphan):
        mesos.operate(call)
    assert look(real, framework, "/ciprov/here/db") == ()

    (other,) = look(real, framework)  # that of the living app was not touched
    assert other.environment == "here"
    assert len(other.resources) == 2
    for call in calls(other):
        mesos.operate(call)
    end = time.monotonic() + 5
    while look(real, framework):
        assert time.monotonic() < end
