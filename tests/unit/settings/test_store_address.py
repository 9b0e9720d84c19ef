"""URLs of stores, and credentials that stand in them."""

import pytest

from ciprov.settings.display import rows
from ciprov.settings.loading import Options, load
from ciprov.settings.store_address import StoreUrl, parse


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("sqlite:////var/x.db", StoreUrl("sqlite:////var/x.db")),
        ("zk://a", StoreUrl("zk://a:2181/ciprov", ("a:2181",), "/ciprov")),
        ("zk://a,b:2182, c/", StoreUrl("zk://a:2181,b:2182,c:2181/ciprov", ("a:2181", "b:2182", "c:2181"), "/ciprov")),
        ("zk://a/team/ciprov/", StoreUrl("zk://a:2181/team/ciprov", ("a:2181",), "/team/ciprov")),
        ("zk://[::1]:2181/c", StoreUrl("zk://[::1]:2181/c", ("[::1]:2181",), "/c")),
        ("zk://ann:p%40s%2Fs@a/c", StoreUrl("zk://a:2181/c", ("a:2181",), "/c", "ann", "p@s/s")),
    ],
)
def test_urls(raw, expected):
    assert parse(raw) == expected


@pytest.mark.parametrize(
    "raw",
    [
        "zk://",
        "zk://a:0/c",
        "zk://a:99999/c",
        "zk://a,,b/c",
        "zk://a/x y",
        "zk://a/../b",
        "zk://a/zookeeper",
        "http://a",
        "sqlite:///",
        "zk://ann@a/c",
        "zk://:hunter2@a/c",
        "zk://ann:hunter2@/c",
    ],
)
def test_refusals_show_no_password(raw):
    with pytest.raises(ValueError, match=r"wanted|plain names") as refusal:
        parse(raw)
    assert "hunter2" not in str(refusal.value)


def cluster(tmp_path, entry, **variables):
    (tmp_path / "config.yaml").write_text(f"clusters: {{a: {{marathon: 'http://m', {entry}}}}}")
    return load({"HOME": str(tmp_path), **variables}, Options(config=str(tmp_path / "config.yaml"))).cluster


def test_credentials_in_the_url_are_kept_apart_and_shown_nowhere(tmp_path):
    found = cluster(tmp_path, "store: 'zk://ann:hunter2@h/c'")
    assert found.store == "zk://h:2181/c"
    assert (found.store_auth.user, found.store_auth.password.reveal()) == ("ann", "hunter2")
    shown = rows(found)
    assert "hunter2" not in f"{found!r} {shown}"
    assert {row.key for row in shown if row.hidden} == {"store_auth.password"}


def test_the_password_may_come_from_a_file(tmp_path):
    (tmp_path / "pw").write_text("from file\n")
    found = cluster(tmp_path, "store: 'zk://h/c', store_auth: {user: ann, password_file: pw}")
    assert found.store_auth.password.reveal() == "from file"


def test_another_store_is_not_shown_the_password(tmp_path):
    found = cluster(tmp_path, "store: 'zk://ann:hunter2@h/c'", CIPROV_STORE="zk://elsewhere/c")
    assert found.store == "zk://elsewhere:2181/c"
    assert found.store_auth.user == ""
    assert found.store_auth.password is None
