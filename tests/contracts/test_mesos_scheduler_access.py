"""The guarded driver behind TLS and with credentials, and what it does to the process in which it lives."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from faulty_master import FaultyMaster, Peer, recorded_event
from mesos_session import Session
from real_mesos import RealMesos
from tls_authority import Authority
from tls_front import tls_front

from ciprov.clients.mesos_scheduler.patience import Patience
from ciprov.domain.mesos_events import Disconnected, End, Failure, Loss, Stopped

SECRET = "a secret with ü"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def guarded_mesos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealMesos]:
    """A real master that wants credentials of frameworks, with one agent."""
    directory = tmp_path_factory.mktemp("mesos")
    credentials = directory / "credentials"
    credentials.write_text(json.dumps({"credentials": [{"principal": "ciprov", "secret": SECRET}]}))
    flags = f"--authenticate_http_frameworks=true --http_framework_authenticators=basic --credentials={credentials}"
    running = RealMesos(directory, agents=1, flags=(flags,))
    try:
        running.start()
        yield running
    finally:
        running.stop()


def test_a_task_on_a_real_mesos_through_tls_and_with_credentials(
    guarded_mesos: RealMesos, authority: Authority
) -> None:
    context = authority.sign("front", "IP:127.0.0.1").context()
    with (
        tls_front(guarded_mesos.address, context) as address,
        Session(f"https://{address}", user="ciprov", password=SECRET, verify=authority.file) as session,
    ):
        framework_id = session.start().subscribed().framework_id
        session.launch_sleeper("behind-tls")
        session.update("behind-tls", "TASK_RUNNING")
        session.driver.teardown(framework_id)
        assert session.wait_for(Stopped).end is End.TORN_DOWN


@pytest.mark.parametrize("credentials", [{}, {"user": "ciprov", "password": "wrong"}, {"token": "unknown"}])
def test_a_real_master_refuses_wrong_credentials(guarded_mesos: RealMesos, credentials: dict[str, str]) -> None:
    with Session(guarded_mesos.address, **credentials).start() as session:
        stopped = session.wait_for(Stopped, seconds=10)
        assert stopped.end is End.REFUSED
        assert "401" in stopped.reason
        assert "principal" in stopped.way_out
        assert "wrong" not in stopped.reason.replace("credentials wrong", "")


@pytest.mark.parametrize(
    ("credentials", "header"),
    [
        ({"token": "abc"}, "token=abc"),
        ({"token": "Bearer abc"}, "Bearer abc"),
        ({"user": "me", "password": "pass"}, "Basic bWU6cGFzcw=="),
    ],
)
def test_credentials_go_with_the_subscription_and_with_calls(credentials: dict[str, str], header: str) -> None:
    with FaultyMaster() as master, Session(master.address, **credentials).start() as session:
        session.subscribed()
        assert master.call("RECONCILE").headers["authorization"] == header
        assert master.subscribes[0].headers["authorization"] == header


def test_no_netrc_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with FaultyMaster() as master, Session(master.address).start() as session:
        session.subscribed()
        assert "authorization" not in master.call("RECONCILE").headers


def test_large_events_through_tls(authority: Authority) -> None:
    event = recorded_event("OFFERS")
    event["offers"]["offers"] = event["offers"]["offers"][:1] * 1000

    def many(peer: Peer) -> None:
        peer.subscribed()
        peer.event(event)
        peer.event(recorded_event("FAILURE"))
        peer.hold()

    context = authority.sign("many", "IP:127.0.0.1").context()
    with (
        FaultyMaster(many, context=context) as master,
        Session(f"https://{master.address}", verify=authority.file).start() as session,
    ):
        session.wait_for(Failure)


def test_a_certificate_without_trust_is_told_and_tried_three_times(authority: Authority) -> None:
    context = authority.sign("another", "DNS:somebody-else").context()
    for verify, told in ((True, "issuer"), (authority.file, "IP address mismatch")):
        with (
            FaultyMaster(context=context) as master,
            Session(f"https://{master.address}", verify=verify).start() as session,
        ):
            stopped = session.wait_for(Stopped)
            assert stopped.end is End.UNTRUSTED
            assert told in stopped.reason
            assert master.connections == 3
            assert master.subscribes == []


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_whom_the_system_trusts_does_not_count_beside_the_authority_s_file(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the stream as for calls."""
    monkeypatch.setenv("SSL_CERT_FILE", authority.file)
    context = authority.sign("trusted by the system", "IP:127.0.0.1").context()
    with FaultyMaster(context=context) as master:
        verify = Authority(tmp_path, "ours").file
        with Session(f"https://{master.address}", verify=verify).start() as session:
            assert session.wait_for(Stopped).end is End.UNTRUSTED


def test_without_a_check_of_certificates(authority: Authority) -> None:
    context = authority.sign("unchecked").context()
    with (
        FaultyMaster(context=context) as master,
        Session(f"https://{master.address}", verify=False).start() as session,
    ):
        session.subscribed()
        master.call("RECONCILE")


def test_a_master_that_wants_our_certificate(authority: Authority) -> None:
    context = authority.sign("mutual", "IP:127.0.0.1").context(clients=authority.file)
    ours = authority.sign("ours")
    with FaultyMaster(context=context) as master:
        address = f"https://{master.address}"
        with Session(address, verify=authority.file, certificate=ours.file, key=ours.key).start() as session:
            session.subscribed()
            master.call("RECONCILE")
        with Session(address, verify=authority.file).start() as session:
            assert session.wait_for(Stopped).end is End.UNTRUSTED


def test_tls_where_none_is_spoken_and_the_other_way_round(authority: Authority) -> None:
    context = authority.sign("plain", "IP:127.0.0.1").context()
    with FaultyMaster() as master, Session(f"https://{master.address}").start() as session:
        assert session.wait_for(Stopped).end is End.UNTRUSTED
    with FaultyMaster(context=context) as master, Session(master.address).start() as session:
        assert session.wait_for(Disconnected).loss in {Loss.CLOSED, Loss.GARBLED, Loss.UNREACHABLE}


def test_a_handshake_that_never_ends() -> None:
    patience = Patience(connect_s=0.3, first_pause_s=0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        session = Session(f"https://127.0.0.1:{silent.getsockname()[1]}", patience=patience)
        with session.start():
            assert "does not answer in time" in session.wait_for(Disconnected, seconds=3).reason


def test_a_file_of_the_authority_that_is_not_there(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.pem")
    with FaultyMaster() as master, Session(f"https://{master.address}", verify=missing).start() as session:
        assert missing in session.wait_for(Stopped).reason


def test_credentials_do_not_follow_a_redirect_out_of_tls(authority: Authority) -> None:
    def away(peer: Peer) -> None:
        peer.answer(307, "", (f"Location: http://{leader.address}",))

    context = authority.sign("redirecting", "IP:127.0.0.1").context()
    with FaultyMaster() as leader, FaultyMaster(away, context=context) as seed:
        with Session(f"https://{seed.address}", verify=authority.file, token="secret").start() as session:
            assert "without TLS" in session.wait_for(Disconnected).reason
        assert leader.subscribes == []


PROCESS = """
import os, signal, sys, threading, logging
before = signal.getsignal(signal.SIGINT)
def load():
    from ciprov.clients.mesos_scheduler.driver import GuardedDriver
    from ciprov.clients.connection import Connection
    from ciprov.domain.mesos_scheduler import Framework
    import queue
    driver = GuardedDriver(Connection("Mesos", [sys.argv[1]]))
    driver.start(Framework("interrupted", ("ci",)), queue.SimpleQueue())
if sys.argv[2] == "thread":
    thread = threading.Thread(target=load)
    thread.start()
    thread.join()
else:
    load()
assert signal.getsignal(signal.SIGINT) is before, signal.getsignal(signal.SIGINT)
assert not logging.getLogger("pymesos").handlers
try:
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait(5)
except KeyboardInterrupt:
    print("interrupted by its own hand")
"""


@pytest.mark.parametrize("where", ["thread", "main"])
def test_sigint_stays_the_process_s_own_and_its_end_tears_nothing_down(where: str) -> None:
    with FaultyMaster() as master:
        command = [sys.executable, "-c", PROCESS, master.address, where]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "interrupted by its own hand", "")
        assert "TEARDOWN" not in master.types()
