"""The command line on a Marathon of several servers, below a path, with TLS and a token; and what may be wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from faulty_environment import BLUEPRINT, upstream
from faulty_proxy import Fault, FaultyProxy, Front, Kind, Log
from scenario_cli import Cli
from tls_authority import Authority

TOKEN = "t0k3n-of-the-tests"
UP = ("env", "up", "elsewhere", "--blueprint", "b.yaml", "--param", "port=31290")


class Remote(Cli):
    """Asks the Marathon of its variables instead of the embedded one."""

    @property
    def command(self) -> list[str]:
        return [*(part for part in super().command if part != "--local"), "--store-local"]

    @contextmanager
    def having(self, **variables: str) -> Iterator[None]:
        before = dict(self.environment)
        self.environment.update({f"CIPROV_{name}": value for name, value in variables.items()})
        yield
        self.environment = before


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def servers(cluster: Any, authority: Authority) -> Iterator[list[FaultyProxy]]:
    """Two of one Marathon; the second leads."""
    certificate = authority.sign("marathon", "IP:127.0.0.1")
    front, log = Front(prefix="/service/marathon", tls=certificate.context(), wants=f"token={TOKEN}"), Log()
    with FaultyProxy(upstream(cluster), log, front) as follower, FaultyProxy(upstream(cluster), log, front) as leader:
        follower.leader = leader.url
        yield [follower, leader]


@pytest.fixture
def remote(tmp_path: Path, servers: list[FaultyProxy], authority: Authority) -> Remote:
    cli = Remote(tmp_path)
    (tmp_path / "b.yaml").write_text(BLUEPRINT)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    cli.environment |= {
        "CIPROV_MARATHON": ",".join(one.url for one in servers),
        "CIPROV_MARATHON_TOKEN_FILE": str(tmp_path / "token"),
        "CIPROV_TLS_CA": authority.file,
        "CIPROV_SERVICE_ADDRESS": "127.0.0.1",
        "CIPROV_TIMEOUT": "5",
        "https_proxy": "http://127.0.0.1:1",
    }
    return cli


def test_a_life_through_faults(remote: Remote, servers: list[FaultyProxy]) -> None:
    follower, leader = servers
    faults = [Fault(Kind.RESET_AFTER, method="PUT"), Fault(Kind.RESET_WITHIN, 9), Fault(Kind.ANSWER, 11, seconds=2)]
    for state in ("old", "new"):
        leader.plan, follower.plan = faults, [Fault(Kind.RESET_BEFORE)]
        done = remote.ok(*UP, "--param", f"state={state}", "-o", "json")
        assert done.json["outcome"] == "ready"
        assert "trying again" in done.err
        assert TOKEN not in done.out + done.err
    leader.plan = [Fault(Kind.RESET_AFTER, method="DELETE"), Fault(Kind.RESET_AFTER, method="PUT")]
    remote.ok("env", "down", "elsewhere")
    writes = [f"{one.method} {one.path.partition('?')[0]}" for one in leader.log.writes]
    group, app = "/v2/groups/ciprov/elsewhere", "/v2/apps/ciprov/elsewhere/fixed"
    assert writes == [f"PUT {group}", f"PUT {app}", f"PUT {group}", f"PUT {app}", f"DELETE {group}"]
    assert remote.ok("env", "list", "-o", "json").json["environments"] == []


def test_what_is_wrong_is_told_soon_and_nothing_is_written(
    remote: Remote, servers: list[FaultyProxy], authority: Authority, tmp_path: Path
) -> None:
    leader, port = servers[1], servers[1].url.partition("127.0.0.1:")[2]
    (tmp_path / "wrong").write_text("nobody\n")
    stranger, missing = Authority(tmp_path, "stranger").file, str(tmp_path / "gone")
    wrong: list[tuple[dict[str, str], str, str]] = [
        ({"MARATHON_TOKEN_FILE": str(tmp_path / "wrong")}, "refused with 401", "credentials"),
        ({"MARATHON_TOKEN_FILE": missing}, "cannot be read: No such file", "correct the path"),
        ({"TLS_CA": stranger}, "no trust in the server's certificate", "tls.ca"),
        ({"MARATHON": f"https://localhost:{port}"}, "not valid for 'localhost'", "name that stands in the certificate"),
        ({"MARATHON": servers[0].url}, "credentials are not sent", "add it"),
    ]
    for variables, told, way_out in wrong:
        with remote.having(**variables):
            began = time.monotonic()
            failed = remote.run(*UP, "--param", "state=old")
            assert failed.code == 1, (variables, failed)
            assert told in failed.err, (variables, failed.err)
            assert way_out in failed.err, (variables, failed.err)
            assert time.monotonic() - began < 10
            assert "nobody" not in failed.err
    leader.plan = [Fault(Kind.SILENCE, count=1000, seconds=20)]
    with remote.having(MARATHON=leader.url, TIMEOUT="1"):
        began = time.monotonic()
        failed = remote.run(*UP, "--param", "state=old")
        assert failed.code == 1
        assert "no answer within 1 s" in failed.err
        assert time.monotonic() - began < 10
    assert not [one for one in leader.log.heard if one.is_write]
