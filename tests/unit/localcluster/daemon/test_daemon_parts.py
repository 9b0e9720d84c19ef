from __future__ import annotations

import ipaddress
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from ciprov.localcluster.daemon.descriptor import Descriptor, parse_descriptor
from ciprov.localcluster.daemon.files import service_address
from ciprov.localcluster.daemon.options import BadOptions, Options, load, port_range
from ciprov.localcluster.daemon.sizing import machine_size

DESCRIPTOR = Descriptor(
    pid=42,
    started_at="2024-01-01T00:00:00.000Z",
    process_start=1704067200.0,
    start_ticks=1234,
    boot_id="boot",
    marathon="http://127.1.2.1:8080",
    mesos="http://127.1.2.1:8080",
    credential_file="/state/local/credential",
    service_address="127.1.2.1",
    log="/state/local/daemon.log",
    options={"agents": 2},
)


def test_a_descriptor_comes_back_as_it_was_written() -> None:
    assert parse_descriptor(DESCRIPTOR.to_json()) == DESCRIPTOR


def test_fields_of_a_later_version_do_no_harm_but_another_schema_is_not_read() -> None:
    values = json.loads(DESCRIPTOR.to_json())
    assert parse_descriptor(json.dumps(values | {"later": 1})) == DESCRIPTOR
    assert parse_descriptor(replace(DESCRIPTOR, schema=2).to_json()) is None


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"schema": 1}'])
def test_a_damaged_descriptor_is_none(content: str) -> None:
    assert parse_descriptor(content) is None


def test_a_process_of_another_boot_or_start_is_not_the_daemon() -> None:
    assert not DESCRIPTOR.is_alive


def test_each_state_directory_has_a_loopback_address_of_its_own() -> None:
    addresses = {service_address(Path(f"/state/{number}")) for number in range(50)}
    assert len(addresses) > 40
    assert all(ipaddress.ip_address(address).is_loopback and address.endswith(".1") for address in addresses)
    assert not any(address.startswith("127.0.") for address in addresses)
    assert service_address(Path("/state/a/../b")) == service_address(Path("/state/b"))


@pytest.mark.parametrize(("text", "expected"), [("31000-32000", (31000, 32000)), (" 80-80 ", (80, 80))])
def test_port_ranges(text: str, expected: tuple[int, int]) -> None:
    assert port_range(text) == expected


@pytest.mark.parametrize("text", ["", "80", "32000-31000", "0-10", "60000-70000", "a-b", "1-2-3"])
def test_bad_port_ranges_are_refused(text: str) -> None:
    with pytest.raises(BadOptions, match="ports is"):
        port_range(text)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (Options(agents=0), "agents is 0"),
        (Options(cpus=-1), "cpus is -1"),
        (Options(cpus=math.nan), "cpus is nan"),
        (Options(cpus=math.inf), "cpus is inf"),
        (Options(mem=0), "mem is 0"),
        (Options(agents=3, ports="31000-31001"), "too few for 3 agents"),
    ],
)
def test_bad_options_are_refused(options: Options, says: str) -> None:
    with pytest.raises(BadOptions, match=says):
        options.check()


def test_options_of_the_last_start_hold_where_no_others_are_given() -> None:
    assert Options(agents=2).over(Options(agents=3, cpus=4.0)) == Options(agents=2, cpus=4.0)


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"agents": 0}', '{"agents": "x"}'])
def test_unusable_earlier_options_are_forgotten(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "options.json"
    if content is not None:
        path.write_text(content)
    assert load(path) == Options()


def test_the_machines_size() -> None:
    size = machine_size("MemTotal:       16303252 kB\nMemFree: 1 kB\n", 8, 10 * 1024**3)
    assert size == {"cpus": 8.0, "mem": 15921.0, "disk": 10240.0}
    assert machine_size("", None, 0)["cpus"] == 1.0
