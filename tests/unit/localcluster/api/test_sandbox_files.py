"""Files of sandboxes as a Mesos agent gives them, and nothing outside the sandboxes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from asgi_streams import Call, call
from sandboxes_double import Kept

from ciprov.localcluster.api.sandbox_files import READ_LIMIT, file_routes
from ciprov.localcluster.api.sandbox_port import TaskSandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    directory = tmp_path.resolve() / "tasks" / "a.1"
    directory.mkdir(parents=True)
    (directory / "stdout").write_bytes(b"0123456789")
    (directory / "sub").mkdir()
    (tmp_path / "secret").write_text("no")
    return directory


def get(sandbox: Path, what: str, path: str | Path | None, **query: Any) -> Call:
    routes = file_routes(Kept(tasks=[TaskSandbox("a.1", sandbox, "TASK_RUNNING")]))
    if path is not None:
        query["path"] = quote(str(path))
    return call(routes, "GET", f"/slave(1)/files/{what}?" + "&".join(f"{key}={value}" for key, value in query.items()))


@pytest.mark.parametrize("query", [{"offset": -1}, {}, {"offset": -1, "length": -1}, {"offset": -1, "length": 5}])
def test_without_an_offset_the_size_is_told(sandbox: Path, query: dict[str, int]) -> None:
    answer = get(sandbox, "read", sandbox / "stdout", **query)
    assert (answer.status, json.loads(answer.body)) == (200, {"offset": 10, "data": ""})
    assert answer.answer_headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("query", "data"),
    [
        ({"offset": 0}, "0123456789"),
        ({"offset": 3, "length": 4}, "3456"),
        ({"offset": 3, "length": -1}, "3456789"),
        ({"offset": 8, "length": 100}, "89"),
        ({"offset": 3, "length": 0}, ""),
        ({"offset": 10}, ""),
        ({"offset": 99, "length": 5}, ""),
    ],
)
def test_a_piece_with_the_offset_it_was_asked_for(sandbox: Path, query: dict[str, int], data: str) -> None:
    answer = get(sandbox, "read", sandbox / "stdout", **query)
    assert json.loads(answer.body) == {"offset": query["offset"], "data": data}


def test_one_answer_is_limited(sandbox: Path) -> None:
    (sandbox / "big").write_bytes(b"x" * (READ_LIMIT + 10))
    assert len(json.loads(get(sandbox, "read", sandbox / "big", offset=0, length=10**9).body)["data"]) == READ_LIMIT


def test_a_piece_of_a_character_is_not_altered(sandbox: Path) -> None:
    (sandbox / "text").write_bytes('ü"\n\x01'.encode())
    first = get(sandbox, "read", sandbox / "text", offset=0, length=1).body
    rest = get(sandbox, "read", sandbox / "text", offset=1).body
    assert first == b'{"offset":0,"data":"\xc3"}'
    assert rest == b'{"offset":1,"data":"\xbc\\"\\n\\u0001"}'
    assert json.loads(get(sandbox, "read", sandbox / "text", offset=0).body)["data"] == 'ü"\n\x01'


@pytest.mark.parametrize(
    ("path", "query", "status", "message"),
    [
        (None, {}, 400, "Expecting 'path=value' in query.\n"),
        ("", {}, 400, "Expecting 'path=value' in query.\n"),
        ("stdout", {"offset": "x"}, 400, "Failed to parse offset: "),
        ("stdout", {"offset": -2}, 400, "Negative offset provided: -2.\n"),
        ("stdout", {"length": "1.5"}, 400, "Failed to parse length: "),
        ("stdout", {"length": -2}, 400, "Negative length provided: -2.\n"),
        ("stdout", {"offset": 2**70}, 400, "Impossible offset"),
        ("sub", {}, 400, "Cannot read a directory.\n"),
        ("absent", {}, 404, ""),
        ("stdout/below", {}, 404, ""),
        ("\0", {}, 404, ""),
    ],
)
def test_refusals(sandbox: Path, path: str | None, query: dict[str, Any], status: int, message: str) -> None:
    answer = get(sandbox, "read", f"{sandbox}/{path}" if path else path, **query)
    assert answer.status == status
    assert answer.body.decode().startswith(message)


@pytest.mark.parametrize("what", ["read", "browse", "download"])
@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "{sandbox}/../../secret", "{sandbox}/..", "{sandbox}x", "stdout", "/", "{sandbox}/sub/../.."],
)
def test_nothing_outside_the_sandboxes(sandbox: Path, what: str, path: str) -> None:
    answer = get(sandbox, what, path.format(sandbox=sandbox))
    assert (answer.status, answer.body) == (404, b"")


@pytest.mark.parametrize("what", ["read", "browse", "download"])
def test_links_out_of_the_sandbox_are_not_followed(sandbox: Path, what: str) -> None:
    (sandbox / "out").symlink_to("/etc")
    (sandbox / "in").symlink_to("sub")
    assert get(sandbox, what, sandbox / "out").status == 400
    assert get(sandbox, what, sandbox / "out" / "passwd").status == 400
    assert get(sandbox, "browse", sandbox / "in").status == 200


@pytest.mark.parametrize("what", ["browse", "read", "download"])
def test_what_can_not_be_there(sandbox: Path, what: str) -> None:
    (sandbox / "ring").symlink_to("ring")
    assert get(sandbox, what, sandbox / "ring", offset=0).status == 404
    assert get(sandbox, what, sandbox / ("x" * 5000), offset=0).status == 404
    assert get(sandbox, what, f"{sandbox}/a\0b", offset=0).status == 404


@pytest.mark.parametrize("what", ["read", "download"])
def test_what_is_no_regular_file(sandbox: Path, what: str) -> None:
    os.mkfifo(sandbox / "pipe")
    answer = get(sandbox, what, sandbox / "pipe", offset=0)
    assert (answer.status, answer.body.decode()) == (400, f"'{sandbox}/pipe' is no regular file.\n")


@pytest.mark.parametrize("number", [2**63 - 1, 2**62])
def test_a_place_far_behind_the_end(sandbox: Path, number: int) -> None:
    assert get(sandbox, "read", sandbox / "stdout", offset=number, length=number).status in {200, 404}


def test_a_listing(sandbox: Path) -> None:
    (sandbox / "broken").symlink_to("nowhere")
    answer = get(sandbox, "browse", sandbox)
    stdout, sub = json.loads(answer.body)
    assert set(stdout) == {"gid", "mode", "mtime", "nlink", "path", "size", "uid"}
    assert (stdout["path"], stdout["size"], stdout["nlink"]) == (f"{sandbox}/stdout", 10, 1)
    assert stdout["mode"].startswith("-rw")
    assert sub["mode"].startswith("drwx")
    assert isinstance(stdout["uid"], str)
    assert isinstance(stdout["mtime"], int)


def test_a_listing_of_a_file_is_empty_and_of_nothing_is_not_found(sandbox: Path) -> None:
    assert get(sandbox, "browse", sandbox / "stdout").body == b"[]"
    assert get(sandbox, "browse", sandbox / "absent").status == 404
    assert get(sandbox, "browse", None).status == 400


def test_a_download(sandbox: Path) -> None:
    answer = get(sandbox, "download", sandbox / "stdout")
    assert answer.body == b"0123456789"
    assert answer.answer_headers["content-type"] == "application/octet-stream"
    assert 'filename="stdout"' in answer.answer_headers["content-disposition"]
    assert get(sandbox, "download", sandbox / "sub").body == b"Cannot download a directory.\n"


def test_the_old_names_and_the_agents_own_address(sandbox: Path) -> None:
    routes = file_routes(Kept(tasks=[TaskSandbox("a.1", sandbox, "TASK_RUNNING")]))
    for start in ("/files/browse", "/files/browse.json", "/slave(2)/files/browse.json"):
        assert call(routes, "GET", f"{start}?path={sandbox}").status == 200
