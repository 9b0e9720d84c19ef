"""Marathon under TLS with a private authority: trusted, distrusted, and connections that break under it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from faulty_environment import QUICK, Environment, connection, upstream
from faulty_proxy import Fault, FaultyProxy, Front, Kind
from tls_authority import Authority, Certificate

from ciprov.clients.marathon.client import HttpMarathon
from ciprov.domain.marathon import MarathonError, MarathonUnavailable, MarathonUntrusted

APP = {"cmd": "exec sleep 1000", "cpus": 0.01, "mem": 8, "instances": 0, "portDefinitions": []}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def certificate(authority: Authority) -> Certificate:
    return authority.sign("marathon", "DNS:localhost", "IP:127.0.0.1")


@contextmanager
def serving(cluster: Any, certificate: Certificate, *, clients: str = "") -> Iterator[FaultyProxy]:
    with FaultyProxy(upstream(cluster), front=Front(tls=certificate.context(clients=clients))) as proxy:
        yield proxy


def client(url: str, verify: bool | str, **changes: Any) -> HttpMarathon:
    return HttpMarathon(connection(url, verify=verify, **changes), retries=QUICK)


def refused(marathon: HttpMarathon) -> MarathonUntrusted:
    """What is told, the same of a read and of a write."""
    with pytest.raises(MarathonUntrusted) as written:
        marathon.put_app("/ciprov/untrusted", APP)
    with pytest.raises(MarathonUntrusted) as read:
        marathon.info()
    assert read.value.message == written.value.message
    return read.value


@pytest.mark.parametrize("kind", [Kind.RESET_AFTER, Kind.RESET_WITHIN])
def test_a_connection_that_breaks_under_tls_is_no_question_of_trust(
    cluster: Any, tmp_path: Path, authority: Authority, certificate: Certificate, kind: Kind
) -> None:
    with serving(cluster, certificate) as proxy:
        number = 31190 + list(Kind).index(kind)
        environment = Environment(f"tls-{number}", number, [proxy], tmp_path, settings={"verify": authority.file})
        for phase in ("old", "new", ""):
            proxy.plan = [Fault(kind, first) for first in (1, 4, 8, 12)] + [Fault(kind, 1, method="PUT")]
            environment.up(phase) if phase else environment.down()
            assert environment.states().get("fixed", "") == phase
        assert [one.method for one in proxy.log.writes] == ["PUT", "PUT", "PUT", "PUT", "DELETE"]
        assert proxy.log.streams, "events come under TLS, too"


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_an_authority_that_is_not_known(cluster: Any, tmp_path: Path, certificate: Certificate) -> None:
    with serving(cluster, certificate) as proxy:
        for verify in (True, Authority(tmp_path, "another").file):
            told = refused(client(proxy.url, verify))
            assert "no trust in the server's certificate" in told.message
            assert "tls.ca" in told.way_out
        assert client(proxy.url, False).info()["name"] == "marathon"


def test_a_certificate_for_another_host(cluster: Any, authority: Authority) -> None:
    with serving(cluster, authority.sign("elsewhere", "DNS:elsewhere.example")) as proxy:
        for url in (proxy.url, proxy.url.replace("127.0.0.1", "localhost")):
            told = refused(client(url, authority.file))
            assert "127.0.0.1" in told.message or "localhost" in told.message
            assert "name that stands in the certificate" in told.way_out


def test_a_certificate_that_has_expired(cluster: Any, authority: Authority) -> None:
    with serving(cluster, authority.sign("expired", "IP:127.0.0.1", days=-1)) as proxy:
        told = refused(client(proxy.url, authority.file))
        assert "expired" in told.message
        assert "renewed" in told.way_out


def test_a_server_that_wants_to_know_its_clients(
    cluster: Any, tmp_path: Path, authority: Authority, certificate: Certificate
) -> None:
    ours, foreign = authority.sign("client"), Authority(tmp_path, "foreign").sign("stranger")
    with serving(cluster, certificate, clients=authority.file) as proxy:
        known = client(proxy.url, authority.file, certificate=ours.file, key=ours.key)
        assert known.info()["name"] == "marathon"
        for unknown in ({}, {"certificate": foreign.file, "key": foreign.key}):
            told = refused(client(proxy.url, authority.file, **unknown))
            assert "does not accept this client's certificate" in told.message
            assert "tls.certificate" in told.way_out


def test_files_that_are_none_of_tls(
    cluster: Any, tmp_path: Path, authority: Authority, certificate: Certificate
) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no certificate at all\n")
    with serving(cluster, certificate) as proxy:
        missing = str(tmp_path / "gone.pem")
        for marathon in (
            client(proxy.url, str(text)),
            client(proxy.url, missing),
            client(proxy.url, authority.file, certificate=str(text)),
            client(proxy.url, authority.file, certificate=missing),
            client(proxy.url, authority.file, certificate=certificate.file),
        ):
            told = refused(marathon)
            assert "file" in told.message + told.way_out
            assert "tls" in told.way_out


def test_a_server_without_tls(cluster: Any) -> None:
    with FaultyProxy(upstream(cluster)) as proxy:
        told = refused(client(proxy.url.replace("http://", "https://"), True))
        assert "does not speak TLS" in told.message
        assert "http://" in told.way_out


def test_tls_where_none_was_expected(cluster: Any, certificate: Certificate) -> None:
    with serving(cluster, certificate) as proxy, pytest.raises(MarathonError) as told:
        client(proxy.url.replace("https://", "http://"), True).info()
    assert "https://" in told.value.way_out


def test_what_was_secret_is_not_sent_on_in_clear(cluster: Any, authority: Authority, certificate: Certificate) -> None:
    with FaultyProxy(upstream(cluster)) as clear, serving(cluster, certificate) as proxy:
        proxy.leader = clear.url
        for ask in (lambda m: m.info(), lambda m: m.put_app("/ciprov/clear", APP)):
            with pytest.raises(MarathonError, match="where nothing is kept secret"):
                ask(client(proxy.url, authority.file))
        assert not clear.log.heard


def test_a_handshake_without_an_answer_is_given_up_in_time(authority: Authority) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        held: list[socket.socket] = []
        threading.Thread(target=lambda: [held.append(silent.accept()[0]) for _ in range(9)], daemon=True).start()
        marathon = client(
            f"https://127.0.0.1:{silent.getsockname()[1]}", authority.file, connect_timeout=0.4, read_timeout=0.4
        )
        for ask in (marathon.info, lambda: marathon.put_app("/ciprov/silent", APP)):
            began = time.monotonic()
            with pytest.raises(MarathonUnavailable, match=r"within 0\.4 s"):
                ask()
            assert time.monotonic() - began < 3
