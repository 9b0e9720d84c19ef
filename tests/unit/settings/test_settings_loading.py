"""Which values hold, where they came from, and what is said of wrong ones."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from ciprov.environments.lifetime.reaping import Policy
from ciprov.environments.service_ports import PortRange
from ciprov.foundation.errors import CiprovError, UsageError
from ciprov.settings.display import rows
from ciprov.settings.document import SettingsError
from ciprov.settings.fields import CLUSTER_KEYS
from ciprov.settings.loading import Options, load
from ciprov.settings.model import Settings
from ciprov.settings.secret import given

FULL = """\
default_cluster: staging
clusters:
  staging:
    marathon: [https://m1.example:8443/marathon, https://m2.example:8443/marathon/]
    mesos: http://mesos.example:5050
    role: ci
    prefix: /teams/ci
    auth:
      user: ann
      password_file: secrets/password
    tls: {verify: true, ca: ca.pem}
    store: sqlite:////var/lib/ciprov/state.db
    service_address: lb.example
    service_ports: 21000-21999
    timeout: 12
  other:
    marathon: http://other.example
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".config/ciprov/secrets").mkdir(parents=True)
    (tmp_path / ".config/ciprov/secrets/password").write_text("hunter2\n")
    (tmp_path / ".config/ciprov/ca.pem").touch()
    return tmp_path


def settings(home: Path, text: str | None = None, options: Options | None = None, **variables: str) -> Settings:
    if text is not None:
        (home / ".config/ciprov/config.yaml").write_text(text)
    return load({"HOME": str(home), **variables}, options or Options())


def findings(home: Path, text: str, **variables: str) -> list[str]:
    with pytest.raises(SettingsError) as told:
        settings(home, text, **variables)
    file = str(home / ".config/ciprov/config.yaml")
    return [finding.replace(file, "F") for finding in told.value.findings]


def test_a_marathon_on_a_host_named_local_is_not_the_embedded_one(home: Path) -> None:
    cluster = settings(home, CIPROV_MARATHON="http://local").cluster
    assert (cluster.name, cluster.is_embedded, cluster.marathon) == ("local:80", False, ("http://local",))


def test_everything_of_the_file_arrives_with_its_place(home: Path) -> None:
    cluster = settings(home, FULL).cluster
    assert cluster.name == "staging"
    assert cluster.marathon == ("https://m1.example:8443/marathon", "https://m2.example:8443/marathon")
    assert cluster.mesos == ("http://mesos.example:5050",)
    assert (cluster.role, cluster.prefix, cluster.timeout) == ("ci", "/teams/ci", 12)
    assert cluster.auth.user == "ann"
    assert cluster.auth.password is not None
    assert cluster.auth.password.reveal() == "hunter2"
    assert cluster.tls.ca == str(home / ".config/ciprov/ca.pem")
    assert cluster.store == "sqlite:////var/lib/ciprov/state.db"
    assert (cluster.service_address, cluster.service_ports) == ("lb.example", PortRange(21000, 21999))
    assert cluster.sources["prefix"] == f"{home}/.config/ciprov/config.yaml:7:13"
    assert cluster.sources["auth.password_file"].endswith("config.yaml:10:22")


def test_what_the_reaper_may_do_is_set_for_each_cluster(home: Path) -> None:
    text = FULL + "    reap: {grace: 2h, idle: 5d, failed_after: 0, max_share: 30 %, protected_names: [demo-*, main]}\n"
    variables = {"CIPROV_REAP_IDLE": "off", "CIPROV_REAP_PROTECTED_KINDS": "a, b"}
    cluster = settings(home, text, Options(cluster="other"), **variables).cluster
    assert cluster.reap == Policy(7200, 0, 0, 30, 20, ("demo-*", "main"), ("a", "b"))
    shown = {row.key: row.shown for row in rows(cluster)}
    assert (shown["reap.grace"], shown["reap.idle"], shown["reap.max_count"]) == ("2h", "off", "20")
    assert shown["reap.protected_names"] == "demo-*,main"
    embedded = settings(home, "", CIPROV_REAP_GRACE="1m").cluster
    assert (embedded.is_embedded, embedded.reap.grace) == (True, 60)
    (finding,) = findings(home, FULL + "    reap: {max_share: 101}\n")
    assert finding.endswith("reap.max_share: a percentage up to 100 is wanted")


def test_a_variable_wins_over_the_file_and_an_empty_one_is_none(home: Path) -> None:
    cluster = settings(home, FULL, CIPROV_PREFIX="/mine", CIPROV_ROLE="", CIPROV_TLS_VERIFY="no").cluster
    assert (cluster.prefix, cluster.role, cluster.tls.verify) == ("/mine", "ci", False)
    assert cluster.sources["prefix"] == "variable CIPROV_PREFIX"


def test_another_way_to_authenticate_replaces_the_files(home: Path) -> None:
    auth = settings(home, FULL, CIPROV_MARATHON_TOKEN="t0k3n").cluster.auth
    assert (auth.user, auth.password) == ("", None)
    assert auth.token is not None
    assert auth.token.reveal() == "t0k3n"
    auth = settings(home, CIPROV_MARATHON_PASSWORD_ENV="PW", PW="from pw").cluster.auth
    assert auth.user == "ann"
    assert auth.password is not None
    assert auth.password.reveal() == "from pw"


@pytest.mark.parametrize(
    ("variables", "options", "name", "why"),
    [
        ({}, Options(), "staging", "config.yaml:1:18"),
        ({}, Options(cluster="other"), "other", "option --cluster"),
        ({}, Options(local=True), "local", "option --local"),
        ({}, Options(cluster="local"), "local", "option --cluster"),
        ({"CIPROV_MARATHON": "http://x.example:80/m"}, Options(), "x.example:80", "variable CIPROV_MARATHON"),
        ({"CIPROV_MARATHON": "http://x.example"}, Options(cluster="mine"), "mine", "option --cluster"),
        ({"CIPROV_MARATHON": "http://x.example"}, Options(cluster="other"), "other", "option --cluster"),
        ({"CIPROV_MARATHON": "http://x.example"}, Options(local=True), "local", "option --local"),
        ({"CI": "true"}, Options(), "staging", "config.yaml:1:18"),
    ],
)
def test_the_choice_of_the_cluster(
    home: Path, variables: dict[str, str], options: Options, name: str, why: str
) -> None:
    found = settings(home, FULL, options, **variables)
    assert found.cluster.name == name
    assert found.chosen_by.endswith(why)


def test_a_cluster_of_the_variables_gets_nothing_of_the_files(home: Path) -> None:
    cluster = settings(home, FULL, CIPROV_MARATHON="http://x.example").cluster
    assert (cluster.auth.password, cluster.mesos, cluster.prefix) == (None, (), "/ciprov")


def test_the_embedded_cluster_takes_no_address_or_credential_from_variables(home: Path) -> None:
    cluster = settings(
        home,
        options=Options(local=True),
        CIPROV_MARATHON="http://x.example",
        CIPROV_MARATHON_TOKEN="t",
        CIPROV_SERVICE_PORTS="22000-22100",
    ).cluster
    assert (cluster.marathon, cluster.auth.token, cluster.service_ports) == ((), None, PortRange(22000, 22100))


def test_with_nothing_configured_it_is_the_embedded_cluster_unless_ci_is_set(home: Path) -> None:
    found = settings(home)
    assert found.cluster.is_embedded
    assert found.cluster.store == f"sqlite://{home}/.local/state/ciprov/state.db"
    with pytest.raises(UsageError, match="--local"):
        settings(home, CI="true")
    assert settings(home, CI="false").cluster.is_embedded
    assert settings(home, options=Options(local=True), CI="true").cluster.is_embedded


def test_several_clusters_without_a_default_must_be_told_apart(home: Path) -> None:
    with pytest.raises(UsageError, match="staging, other"):
        settings(home, FULL.replace("default_cluster: staging", ""))
    assert settings(home, "clusters: {one: {marathon: 'http://m'}}").cluster.name == "one"


def test_an_unknown_cluster_gets_a_suggestion(home: Path) -> None:
    with pytest.raises(UsageError, match="did you mean staging"):
        settings(home, FULL, Options(cluster="stagin"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("clusters: {a: {maraton: http://m}}", "F:1:16: clusters.a.maraton: unknown key; did you mean marathon?"),
        ("cluster: {}", "F:1:1: cluster: unknown key; did you mean clusters?"),
        ("clusters: {a: {role: x}}", "F:1:12: clusters.a.marathon: the URL of its Marathon is wanted"),
        ("clusters: {local: {marathon: 'http://m'}}", "F:1:20: clusters.local.marathon: the embedded cluster has"),
        ("clusters: {a: {marathon: 'http://m', mesos: 'zk://z/m'}}", "F:1:45: mesos: URLs of the masters are wanted"),
        ("clusters: {a: {marathon: m.example}}", "F:1:26: marathon: a URL with http:// or https://"),
        ("clusters: {a: {marathon: 'http://u:hunter2@m'}}", "F:1:26: marathon: the URL must hold no credentials"),
        ("clusters: {a: {marathon: 'http://m:x'}}", "F:1:26: marathon: no valid URL"),
        ("clusters: {a: {marathon: []}}", "F:1:26: marathon: at least one URL"),
        (
            "clusters: {a: {marathon: 'http://m', auth: {usr: x}}}",
            "F:1:45: clusters.a.auth.usr: unknown key; did you mean",
        ),
        ("clusters: {a: {marathon: 'http://m', auth: ann}}", "F:1:44: clusters.a.auth: a mapping is wanted"),
        ("clusters: {a: {marathon: 'http://m', auth: {user: x}}}", "F:1:51: auth.user: a password is wanted too"),
        (
            "clusters: {a: {marathon: 'http://m', auth: {token: x, token_env: Y}}}",
            "F:1:66: auth.token_env: only one of auth.token and auth.token_env may be given",
        ),
        ("clusters: {a: {marathon: 'http://m', service_ports: 5-4}}", "F:1:53: service_ports: a range within 1-65535"),
        ("clusters: {a: {marathon: 'http://m', prefix: Upper}}", "F:1:46: prefix: an absolute group id"),
        ("clusters: {a: {marathon: 'http://m', store: mysql://x}}", "F:1:45: store: a URL of a store"),
        ("clusters: {a: {marathon: 'http://m', timeout: -1}}", "F:1:47: timeout: a number of seconds"),
        ("clusters: {a: {marathon: 'http://m', tls: {verify: 7}}}", "F:1:52: tls.verify: true or false"),
        ("clusters: {a: {marathon: 'http://m', tls: {ca: no.pem}}}", "F:1:48: tls.ca: there is no file"),
        ("clusters: {a: {marathon: 'http://m'}, a: {}}", "F:1:39: a: the key stands there twice, first at F:1:12"),
        ("default_cluster: b\nclusters: {a: {marathon: 'http://m'}}", "F:1:18: default_cluster: no cluster 'b'"),
        ("clusters: [", "F:1:12: no valid YAML"),
        ("- a", "F:1:1: a mapping is wanted"),
        ("clusters: 7", "F:1:11: clusters: a mapping is wanted"),
        ("clusters:\n  'a b': {marathon: 'http://m'}", "F:2:3: clusters.a b: letters, digits"),
        ("clusters: {a: &x {marathon: 'http://m', auth: *x}}", "F"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(home: Path, text: str, expected: str) -> None:
    told = findings(home, text)
    assert any(finding.startswith(expected) for finding in told), told
    assert "hunter2" not in "".join(told)


def test_all_that_is_wrong_is_told_at_once(home: Path) -> None:
    told = findings(
        home, "default_cluster: a\nclusters:\n  a: {marathon: x, role: [], timeout: no}\n  b: {marathon: 7}\n"
    )
    assert len(told) == 4


@pytest.mark.parametrize("text", ["", "# nothing\n", "clusters:\n", "clusters: {}\n"])
def test_an_empty_file_is_as_good_as_none(home: Path, text: str) -> None:
    assert settings(home, text).cluster.is_embedded


def test_a_named_file_must_be_there(home: Path) -> None:
    with pytest.raises(SettingsError, match="no such settings file"):
        settings(home, CIPROV_CONFIG=str(home / "nowhere.yaml"))


def test_a_file_that_cannot_be_read_is_a_clear_error(home: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        settings(home, CIPROV_CONFIG=str(home))
    (home / "latin.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="UTF-8"):
        settings(home, CIPROV_CONFIG=str(home / "latin.yaml"))


@pytest.mark.parametrize(("content", "words"), [(None, "cannot be read"), ("\n", "is empty")])
def test_a_missing_secret_is_told_only_when_it_is_needed(home: Path, content: str | None, words: str) -> None:
    (home / ".config/ciprov/secrets/password").unlink()
    if content is not None:
        (home / ".config/ciprov/secrets/password").write_text(content)
    password = settings(home, FULL).cluster.auth.password
    assert password is not None
    with pytest.raises(CiprovError, match=words) as told:
        password.reveal()
    assert "config.yaml:10:22" in str(told.value)


def test_nothing_prints_a_secret(home: Path) -> None:
    found = settings(home, FULL, CIPROV_MESOS_USER="m", CIPROV_MESOS_PASSWORD="hunter3")
    shown = f"{found} {found!r} {found.cluster.auth} {found.cluster.auth.password:>20}"
    assert "hunter" not in shown
    assert "(hidden)" in shown
    with pytest.raises(TypeError):
        pickle.dumps(given("hunter2"))


def test_where_the_state_is(home: Path) -> None:
    assert settings(home).state_dir == home / ".local/state/ciprov"
    assert settings(home, XDG_STATE_HOME="/x").state_dir == Path("/x/ciprov")
    assert settings(home, CIPROV_STATE_DIR="/s", XDG_STATE_HOME="/x").state_dir == Path("/s")
    assert settings(home, options=Options(state_dir="/o"), CIPROV_STATE_DIR="/s").state_dir == Path("/o")


def test_every_key_has_a_variable_of_its_own() -> None:
    variables = [key.variable for key in CLUSTER_KEYS.values()]
    assert len(set(variables)) == len(variables)
    assert all(key.meaning for key in CLUSTER_KEYS.values())
