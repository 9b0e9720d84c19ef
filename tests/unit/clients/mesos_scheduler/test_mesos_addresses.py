"""The forms in which masters are written, and where redirects lead."""

from __future__ import annotations

import pytest

from ciprov.clients.mesos_scheduler.addresses import Master, ZooKeeperPath, parse_masters, redirected
from ciprov.foundation.errors import UsageError


@pytest.mark.parametrize(
    ("text", "masters"),
    [
        ("mesos", [Master("mesos", 5050)]),
        ("10.0.0.1:5051", [Master("10.0.0.1", 5051)]),
        ("http://mesos", [Master("mesos", 5050)]),
        ("https://mesos", [Master("mesos", 443, tls=True)]),
        ("https://mesos:5050/mesos/", [Master("mesos", 5050, tls=True, prefix="/mesos")]),
        ("[::1]:5050", [Master("::1", 5050)]),
        ("[::1]", [Master("::1", 5050)]),
        ("m1, m2:6060 ,https://m3:1", [Master("m1", 5050), Master("m2", 6060), Master("m3", 1, tls=True)]),
    ],
)
def test_masters(text: str, masters: list[Master]) -> None:
    assert parse_masters(text) == tuple(masters)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("zk://z1,z2:2182/mesos", ZooKeeperPath(("z1:2181", "z2:2182"), "/mesos")),
        ("zoo://z1/a/b/", ZooKeeperPath(("z1:2181",), "/a/b")),
        ("zk://me:p%40ss@z1:2181/mesos", ZooKeeperPath(("z1:2181",), "/mesos", "me", "p@ss")),
        ("zk://[::1]:2181,[::2]/mesos", ZooKeeperPath(("[::1]:2181", "[::2]:2181"), "/mesos")),
    ],
)
def test_zookeeper(text: str, place: ZooKeeperPath) -> None:
    assert parse_masters(text) == place
    assert "p@ss" not in repr(place) + str(place)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a b",
        "m:0",
        "m:99999",
        "m:x",
        "ftp://m",
        "m1,,m2",
        "http://me:secret@m",
        "m?x=1",
        "zk://z1",
        "zk://z1/",
        "zk:///mesos",
        "zk://z1:0/mesos",
        "zk://me@z1/mesos",
        "zk://secret@/mesos",
        "zk://me:secret@z1 z2/mesos",
    ],
)
def test_what_is_no_address_is_refused_without_a_secret_in_the_text(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_masters(text)
    assert "secret" not in str(refused.value)
    assert refused.value.way_out


def test_redirects() -> None:
    plain, tls = Master("m", 5050), Master("m", 443, tls=True, prefix="/mesos")
    assert redirected("//leader:5050", plain) == Master("leader", 5050)
    assert redirected("leader:5050", plain) == Master("leader", 5050)
    assert redirected("http://[::1]:5050/api/v1/scheduler", plain) == Master("::1", 5050)
    assert redirected("https://leader", plain) == Master("leader", 443, tls=True)
    assert redirected("//leader:5050", tls) == Master("leader", 5050, tls=True, prefix="/mesos")
    for nowhere in ("http://leader", "//", "", "ftp://leader", "//leader:x"):
        with pytest.raises(ValueError):  # noqa: PT011 - whatever the text: it is shown as it is
            redirected(nowhere, tls)
