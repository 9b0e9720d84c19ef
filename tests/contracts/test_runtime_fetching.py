"""Fetching into the sandboxes of real processes."""

from __future__ import annotations

import http.server
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from runtime_driver import TASK, Driver, drive, shell
from tls_authority import Authority
from tls_front import tls_front

from ciprov.localcluster.definitions.app import FetchUri
from ciprov.localcluster.model import Condition


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...

    def do_GET(self) -> None:
        if self.path == "/short.txt":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"only this")
            return
        super().do_GET()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A directory and the URL under which it is served."""
    directory = tmp_path / "served"
    directory.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *args: Quiet(*args, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield directory, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def tar_of(path: Path, members: dict[str, bytes], *, mode: str = "w:gz") -> None:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))


def test_uris_are_fetched_extracted_and_made_executable(tmp_path: Path, served: tuple[Path, str]) -> None:
    directory, url = served
    tar_of(directory / "site.tar.gz", {"site/run.sh": b"#!/bin/sh\necho from-tar\n"})
    with zipfile.ZipFile(directory / "data.zip", "w") as archive:
        archive.writestr("data.txt", "from-zip")
    (directory / "tool").write_text("#!/bin/sh\necho from-tool\n")
    (directory / "my data.txt").write_text("plain")
    fetch = (
        FetchUri(uri=f"{url}/site.tar.gz"),
        FetchUri(uri=f"file://{directory}/data.zip", extract=False, dest_path="kept/d.zip"),
        FetchUri(uri=f"{directory}/data.zip"),
        FetchUri(uri=f"{url}/tool", executable=True, cache=True),
        FetchUri(uri=f"{url}/my%20data.txt?token=x"),
    )

    async def work(driver: Driver) -> None:
        driver.runtime.launch(shell("site/run.sh; cat data.txt; ./tool; cat 'my data.txt'; ls kept", fetch=fetch))
        update = await driver.ended(TASK)
        assert update.condition is Condition.FINISHED, update
        out = (driver.sandboxes.path(TASK) / "stdout").read_text()
        assert out == "from-tar\nfrom-zipfrom-tool\nplaind.zip\n"

    drive(tmp_path, work)


def test_the_cache_serves_again_until_the_size_changes(tmp_path: Path, served: tuple[Path, str]) -> None:
    directory, url = served
    fetch = (FetchUri(uri=f"{url}/file.txt", cache=True),)

    async def work(driver: Driver) -> None:
        for number, (content, expected) in enumerate([("first", "first"), ("other", "first"), ("longer", "longer")]):
            (directory / "file.txt").write_text(content)
            task_id = f"app.instance-{number}._app.1"
            driver.runtime.launch(shell("cat file.txt", task_id, fetch=fetch))
            await driver.ended(task_id)
            assert (driver.sandboxes.path(task_id) / "stdout").read_text() == expected

    drive(tmp_path, work)


@pytest.mark.parametrize(
    ("uri", "dest_path", "says"),
    [
        ("{url}/missing.txt", None, "the server answered 404"),
        ("{url}/short.txt", None, "the answer ended after 9 of 100 bytes"),
        ("http://127.0.0.1:1/x", None, "Connection refused"),
        ("http://user:pass@127.0.0.1:1/x", None, "'http://127.0.0.1:1/x'"),
        ("file:///no/such/file", None, "No such file or directory"),
        ("relative/path", None, "a relative path is not supported"),
        ("hdfs://x/y", None, "scheme 'hdfs' is not supported"),
        ("ftp://user:pass@x/y", None, "scheme 'ftp' is not supported"),
        ("{url}/good.txt", "../../out.txt", "is not a file inside the sandbox"),
        ("{url}/evil.tar", None, "lies outside"),
        ("{url}/ring.tar", None, "ring.tar': File exists"),
        ("{url}/broken.zip", None, "cannot extract"),
    ],
)
def test_a_fetch_that_fails_fails_the_task(
    tmp_path: Path, served: tuple[Path, str], uri: str, dest_path: str | None, says: str
) -> None:
    directory, url = served
    (directory / "good.txt").write_text("good")
    (directory / "broken.zip").write_text("no zip")
    tar_of(directory / "evil.tar", {"../escaped.txt": b"x"}, mode="w")
    with tarfile.open(directory / "ring.tar", "w") as archive:
        for name, to in (("a", "b"), ("b", "a")):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, to
            archive.addfile(link)
        archive.addfile(tarfile.TarInfo("a/x"))

    async def work(driver: Driver) -> None:
        fetch = (FetchUri(uri=uri.format(url=url), dest_path=dest_path),)
        driver.runtime.launch(shell("echo ran", fetch=fetch))
        update = await driver.ended(TASK)
        assert update.condition is Condition.FAILED
        assert update.message.startswith(
            f"Failed to launch container: Failed to fetch all URIs for container '{TASK}': "
        )
        assert says in update.message
        assert "pass@" not in update.message
        assert driver.conditions(TASK) == [Condition.FAILED]
        assert not (tmp_path / "tasks" / "escaped.txt").exists()

    drive(tmp_path, work)


def test_an_authority_of_ones_own_is_one_that_the_cluster_was_started_with(
    tmp_path: Path, served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, url = served
    (directory / "file.txt").write_text("over TLS")
    authority = Authority(tmp_path)
    context = authority.sign("files", "IP:127.0.0.1").context()

    async def work(driver: Driver) -> None:
        fetch = (FetchUri(uri=f"https://{front}/file.txt"),)
        driver.runtime.launch(shell("true", fetch=fetch))
        update = await driver.ended(TASK)
        assert update.condition is Condition.FAILED
        assert "no trust in the server's certificate: unable to get local issuer certificate" in update.message
        assert update.message.endswith("start the cluster with its authority in SSL_CERT_FILE")
        monkeypatch.setenv("SSL_CERT_FILE", authority.file)
        driver.runtime.launch(shell("cat file.txt", "app.instance-2._app.1", fetch=fetch))
        assert (await driver.ended("app.instance-2._app.1")).condition is Condition.FINISHED

    with tls_front(url.removeprefix("http://"), context) as front:
        drive(tmp_path, work)
