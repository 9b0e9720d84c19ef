"""What the client makes of a Jenkins that refuses, restarts, redirects, hangs, or is none."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from recorded_jenkins import Answer, RecordedJenkins, as_json, recorded
from tls_authority import Authority

from ciprov.clients.connection import Connection
from ciprov.clients.jenkins.client import HttpJenkins
from ciprov.domain.jenkins import (
    JenkinsDenied,
    JenkinsError,
    JenkinsNotFound,
    JenkinsRestarting,
    JenkinsUnavailable,
    JenkinsUntrusted,
    NewNode,
)

TOKEN = "11secretsecretsecret"
NEW = NewNode("n1", ("lab",), "/srv", template="maven")
NODES = "GET /computer/api/json"
QUEUE, ROOT, CRUMB = "GET /queue/api/json", "GET /api/json", "GET /crumbIssuer/api/json"
CREATE, NODE, DELETE = "POST /computer/doCreateItem", "GET /computer/n1/api/json", "POST /computer/n1/doDelete"
EMPTY = as_json('{"items": []}')
DONE = Answer(302, headers={"Location": "/computer/"})
CREATED = as_json(
    '{"displayName": "n1", "assignedLabels": [{"name": "lab"}, {"name": "n1"}], "offline": true,'
    ' "description": "[ciprov service=faults template=maven]"}'
)
WAIT = "<html><body>Please wait while Jenkins is getting ready to work</body></html>"


@pytest.fixture
def server() -> Iterator[RecordedJenkins]:
    with RecordedJenkins() as server:
        server.on(CRUMB, recorded("crumb"))
        yield server


def client(url: str, verify: bool | str = True, read_timeout: float = 5.0) -> HttpJenkins:
    return HttpJenkins(
        Connection("jenkins", [url], user="ciprov", password=TOKEN, verify=verify, read_timeout=read_timeout), "faults"
    )


def html(status: int, text: str = "<html>Oops</html>", **headers: str) -> Answer:
    return Answer(status, text, {"Content-Type": "text/html", **{k.replace("_", "-"): v for k, v in headers.items()}})


@pytest.mark.parametrize("text", ["{}", '{"status": "maintenance"}', '{"computer": [], "items": null}'])
def test_data_that_is_not_jenkinss_own_is_no_empty_jenkins(server: RecordedJenkins, text: str) -> None:
    """All agents would be taken for deleted, and their tasks ended."""
    server.on(QUEUE, as_json(text))
    server.on(NODES, as_json(text))
    for ask in (client(server.url).queue, client(server.url).nodes):
        with pytest.raises(JenkinsError, match="no Jenkins"):
            ask()


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (html(401), JenkinsDenied, "credentials"),
        (html(403), JenkinsDenied, "403"),
        (html(403, "ciprov is missing the Agent/Create permission"), JenkinsDenied, "Agent/Create"),
        (html(403, X_Required_Permission="hudson.model.Computer.Connect"), JenkinsDenied, "Agent/Connect"),
        (html(404), JenkinsNotFound, "nothing there"),
        (html(400, X_Error="no &quot;such&quot; thing"), JenkinsError, 'no "such" thing'),
        (html(500), JenkinsUnavailable, "500"),
        (html(502), JenkinsUnavailable, "proxy"),
        (html(503), JenkinsUnavailable, "503"),
        (html(503, WAIT), JenkinsRestarting, "starting up"),
        (html(200, WAIT), JenkinsRestarting, "starting up"),
        (html(200, "<html>Welcome to nginx</html>"), JenkinsError, "no Jenkins"),
        (html(200, '<form action="j_spring_security_check">'), JenkinsDenied, "login"),
        (as_json('{"items": ['), JenkinsUnavailable, "broke off"),
        (html(302, Location="/securityRealm/commenceLogin?from=%2Fqueue"), JenkinsDenied, "login"),
        (html(302, Location="https://elsewhere.example/queue/api/json?secret=x"), JenkinsError, "elsewhere.example"),
        (Answer(hang_up=True), JenkinsUnavailable, "broke"),
    ],
)
def test_each_refusal_is_told_as_what_it_is(
    server: RecordedJenkins, answer: Answer, error: type[JenkinsError], told: str
) -> None:
    server.on(QUEUE, answer)
    with pytest.raises(JenkinsError) as caught:
        client(server.url).queue()
    assert type(caught.value) is error or (error is JenkinsUnavailable and isinstance(caught.value, error))
    assert told in caught.value.message
    assert caught.value.place == f"GET {server.url}/queue/api/json"
    assert "secret" not in str(caught.value)
    assert "<html>" not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"X_Jenkins": "2.462.3"}, "Jenkins does not know these credentials of the user 'ciprov' (401)"),
        ({"WWW_Authenticate": 'Basic realm="Jenkins"'}, "Jenkins does not know these credentials of the user 'ciprov'"),
        ({"WWW_Authenticate": 'Basic realm="marathon"'}, "may be no Jenkins: it sends no X-Jenkins header"),
    ],
)
def test_wrong_credentials_are_told_with_the_user_and_whether_it_is_a_jenkins(
    server: RecordedJenkins, headers: dict[str, str], told: str
) -> None:
    server.on(ROOT, html(401, **headers))
    with pytest.raises(JenkinsDenied) as caught:
        client(server.url).server()
    assert told in caught.value.message
    assert ("leads to Jenkins" in caught.value.way_out) == ("may be no" in told)
    assert TOKEN not in str(caught.value)


def test_who_is_refused_is_told_by_name(server: RecordedJenkins) -> None:
    server.on(QUEUE, html(403))
    with pytest.raises(JenkinsDenied, match="refuses the user 'ciprov'"):
        client(server.url).queue()


def test_a_permission_that_is_missing_stands_in_its_own_field(server: RecordedJenkins) -> None:
    server.on(CREATE, html(403, "ciprov is missing the Agent/Create permission"))
    with pytest.raises(JenkinsDenied) as caught:
        client(server.url).create_node(NEW)
    assert (caught.value.permission, caught.value.status) == ("Agent/Create", 403)


def test_nothing_listens_while_jenkins_restarts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    for call in (client(url).queue, lambda: client(url).create_node(NEW)):
        with pytest.raises(JenkinsRestarting, match="restarting") as caught:
            call()
        assert caught.value.unsent


def test_who_is_known_is_not_for_a_moment_while_jenkins_goes_down(server: RecordedJenkins) -> None:
    """As seen at the end of a safe restart, for half a second."""
    server.on(QUEUE, EMPTY, html(503, WAIT), html(401), EMPTY, html(401))
    server.on(CRUMB, html(404))
    server.on(CREATE, html(503, WAIT), html(401))
    jenkins = client(server.url)
    assert jenkins.queue() == []
    for call in (jenkins.queue, jenkins.queue, lambda: jenkins.create_node(NEW), lambda: jenkins.create_node(NEW)):
        with pytest.raises(JenkinsRestarting):
            call()
    assert jenkins.queue() == []
    with pytest.raises(JenkinsDenied, match="credentials"):
        jenkins.queue()


def test_nor_for_another_thread_than_the_one_that_jenkins_told_of_its_restart(server: RecordedJenkins) -> None:
    server.on(QUEUE, html(503, WAIT))
    server.on(CRUMB, html(404))
    server.on(CREATE, html(401))
    jenkins = client(server.url)
    with pytest.raises(JenkinsRestarting):
        jenkins.queue()
    with ThreadPoolExecutor(1) as another, pytest.raises(JenkinsRestarting):
        another.submit(jenkins.create_node, NEW).result()


def test_a_node_that_goes_while_it_is_set_online_is_gone(server: RecordedJenkins) -> None:
    fenced = '{"displayName": "n1", "assignedLabels": [{"name": "n1"}], "offline": true, "temporarilyOffline": true}'
    server.on(NODE, as_json(fenced))
    server.on("POST /computer/n1/toggleOffline", html(404))
    assert client(server.url).unfence("n1") is False


def test_a_server_that_does_not_answer_in_time(server: RecordedJenkins) -> None:
    server.on(QUEUE, Answer(delay=2))
    with pytest.raises(JenkinsUnavailable, match=r"within 0\.2 s"):
        client(server.url, read_timeout=0.2).queue()
    assert len(server.heard) == 1


def test_an_answer_that_drips_is_not_waited_for_for_ever() -> None:
    """Each piece of it comes in time."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with connection, suppress(OSError):
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
                for _ in range(1000):
                    connection.sendall(b" ")
                    time.sleep(0.05)

        threading.Thread(target=drip, daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(JenkinsUnavailable, match="no answer within"):
            client(url, read_timeout=0.3).queue()
        assert time.monotonic() - began < 5


def test_a_host_that_does_not_resolve() -> None:
    with pytest.raises(JenkinsUnavailable) as caught:
        client("http://jenkins.invalid").queue()
    assert caught.value.unsent


def test_an_idle_connection_that_was_closed_is_no_failure_of_a_read(server: RecordedJenkins) -> None:
    server.on(QUEUE, EMPTY, Answer(hang_up=True), EMPTY)
    jenkins = client(server.url)
    assert jenkins.queue() == []
    assert jenkins.queue() == []


def test_redirects_within_jenkins_are_followed_by_reads(server: RecordedJenkins) -> None:
    server.on(QUEUE, Answer(301, headers={"Location": "/jenkins/queue/api/json?tree=x"}))
    server.on("GET /jenkins/queue/api/json", EMPTY)
    assert client(server.url).queue() == []
    server.on(QUEUE, Answer(301, headers={"Location": "/queue/api/json"}))
    with pytest.raises(JenkinsError, match="redirects"):
        client(server.url).queue()


def test_what_is_no_jenkins_is_told_at_the_start(server: RecordedJenkins) -> None:
    server.on(ROOT, Answer(200, "{}", {"Content-Type": "application/json"}))
    with pytest.raises(JenkinsError, match="no Jenkins") as caught:
        client(server.url).server()
    assert "path prefix" in caught.value.way_out


# Writes


def test_a_node_whose_making_was_not_answered_is_looked_for(server: RecordedJenkins) -> None:
    server.on(CREATE, Answer(hang_up=True))
    server.on(NODE, CREATED)
    assert client(server.url).create_node(NEW) is True
    assert len(server.asked(CREATE)) == 1


def test_reads_keep_their_connection_and_writes_take_a_fresh_one(server: RecordedJenkins) -> None:
    server.on(QUEUE, EMPTY)
    server.on(CRUMB, html(404))
    server.on(CREATE, DONE)
    jenkins = client(server.url)
    for call in (jenkins.queue, jenkins.queue, lambda: jenkins.create_node(NEW), lambda: jenkins.create_node(NEW)):
        call()
    first, second, *_ = (heard.connection for heard in server.asked(QUEUE))
    assert first == second
    assert len({first, *(heard.connection for heard in server.asked(CREATE))}) == 3


@pytest.mark.parametrize("answer", [Answer(hang_up=True), html(500), html(503), html(504)])
def test_a_node_that_was_perhaps_not_made_is_not_made_again_here(server: RecordedJenkins, answer: Answer) -> None:
    server.on(CREATE, answer)
    with pytest.raises(JenkinsUnavailable):
        client(server.url).create_node(NEW)
    assert len(server.asked(CREATE)) == 1
    assert len(server.asked(NODE)) == 1 or answer.status == 503


def test_a_deletion_that_was_not_answered_is_looked_after(server: RecordedJenkins) -> None:
    server.on(NODE, CREATED, html(404))
    server.on(DELETE, Answer(hang_up=True))
    assert client(server.url).delete_node("n1") is True
    server.on(NODE, CREATED)
    with pytest.raises(JenkinsUnavailable):
        client(server.url).delete_node("n1")
    assert len(server.asked(DELETE)) == 2


def test_a_crumb_that_jenkins_forgot_is_renewed_once(server: RecordedJenkins) -> None:
    stale = html(403, "No valid crumb was included in the request")
    server.on(CREATE, DONE, stale, DONE, stale, stale)
    jenkins = client(server.url)
    assert jenkins.create_node(NEW)
    assert jenkins.create_node(NEW)
    assert (len(server.asked(CRUMB)), len(server.asked(CREATE))) == (2, 3)
    with pytest.raises(JenkinsDenied):
        jenkins.create_node(NEW)
    assert len(server.asked(CREATE)) == 5


def test_a_jenkins_without_crumbs(server: RecordedJenkins) -> None:
    server.on(CRUMB, html(404))
    server.on(CREATE, DONE)
    assert client(server.url).create_node(NEW)
    assert "Jenkins-Crumb" not in server.asked(CREATE)[0].headers


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://127.0.0.1:1/computer/doCreateItem", "redirects"),
        ("/login?from=%2Fcomputer%2FdoCreateItem", "login"),
    ],
)
def test_a_write_that_is_sent_elsewhere_did_not_happen(server: RecordedJenkins, location: str, told: str) -> None:
    server.on(CREATE, Answer(302, headers={"Location": location}))
    with pytest.raises(JenkinsError, match=told):
        client(server.url).create_node(NEW)


@pytest.mark.parametrize("prefix", ["", "/sso-ci"])
def test_what_is_called_like_a_login_is_none(server: RecordedJenkins, prefix: str) -> None:
    page = f"{prefix}/computer/login-1/"
    server.on(f"GET {prefix}/crumbIssuer/api/json", recorded("crumb"))
    server.on(f"POST {page}changeOfflineCause", Answer(302, headers={"Location": page}))
    assert client(f"{server.url}{prefix}").fence("login-1", "m")
    server.on(f"POST {page}changeOfflineCause", Answer(302, headers={"Location": f"{prefix}/login?from=x"}))
    with pytest.raises(JenkinsDenied, match="login page"):
        client(f"{server.url}{prefix}").fence("login-1", "m")


def test_names_that_would_lead_elsewhere(server: RecordedJenkins) -> None:
    for name in ("", "..", "a/b", "a b", "x" * 300):
        with pytest.raises(JenkinsError, match="no name"):
            client(server.url).create_node(NewNode(name, (), "/srv"))
    client(server.url).fence("../job/x", "m")
    with pytest.raises(JenkinsError, match="no name"):
        client(server.url).fence("..", "m")
    posted = [heard.path for heard in server.heard if heard.method == "POST"]
    assert posted == ["/computer/..%2Fjob%2Fx/changeOfflineCause"]
    with pytest.raises(JenkinsError, match="cannot mark"):
        HttpJenkins(Connection("jenkins", [server.url]), "two words")


# The package beneath, the environment, TLS


def test_the_environment_changes_nothing_and_no_secret_is_logged(
    server: RecordedJenkins, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("JENKINS_API_EXTRA_HEADERS", "X-Secret: from-the-environment")
    monkeypatch.setenv("PYTHONHTTPSVERIFY", "0")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    caplog.set_level(logging.DEBUG)
    server.on(QUEUE, EMPTY)
    server.on(CREATE, DONE)
    server.on("GET /computer/n1/jenkins-agent.jnlp", recorded("agent-jnlp"))
    jenkins = client(server.url)
    jenkins.queue()
    jenkins.create_node(NEW)
    secret = jenkins.secret("n1")
    assert all("X-Secret" not in heard.headers for heard in server.heard)
    for text in (TOKEN, secret.value, "from-the-environment"):
        assert text not in caplog.text + repr(jenkins) + repr(secret)


def test_tls_with_a_private_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = authority.sign("jenkins", "IP:127.0.0.1").context()
    with RecordedJenkins(tls=context) as server:
        server.on(QUEUE, EMPTY)
        server.on(CRUMB, recorded("crumb"))
        server.on(CREATE, DONE)
        trusting = client(server.url, verify=authority.file)
        assert trusting.queue() == []
        assert trusting.create_node(NEW)
        calls: list[Callable[[], object]] = [client(server.url).queue, lambda: client(server.url).create_node(NEW)]
        for call in calls:
            with pytest.raises(JenkinsUntrusted, match="no trust") as caught:
                call()
            assert "Jenkins's `tls.ca`" in caught.value.way_out
        with pytest.raises(JenkinsError) as plain:
            client(server.url.replace("https", "http")).queue()
        assert "use https://" in plain.value.way_out


@pytest.mark.parametrize(
    "text",
    [
        "<center>The plain HTTP request was sent to HTTPS port</center>",
        "Client sent an HTTP request to an HTTPS server.",
    ],
)
def test_a_proxy_that_says_that_it_speaks_tls(server: RecordedJenkins, text: str) -> None:
    server.on(QUEUE, html(400, text))
    with pytest.raises(JenkinsError, match="speaks TLS") as caught:
        client(server.url).queue()
    assert "use https://" in caught.value.way_out


@pytest.mark.parametrize(
    "load", [html(500), html(200), as_json('{"queueLength": {"sec10": {"history": ["x", null]}}}')]
)
def test_a_load_that_cannot_be_read_is_only_a_hint_that_is_missing(server: RecordedJenkins, load: Answer) -> None:
    server.on(ROOT, as_json('{"quietingDown": false, "jobs": []}'))
    server.on("GET /overallLoad/api/json", load)
    assert not client(server.url).server().hides_jobs
