from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ciprov.localcluster.api.endpoints_text import endpoints_text
from ciprov.localcluster.definitions.parse import parse_app
from ciprov.localcluster.model import Condition, Instance

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def instance(name: str, condition: Condition = Condition.RUNNING, **fields: Any) -> Instance:
    return Instance(name, "/shop/api", "v", condition, NOW, host="host", **fields)


def text(app: dict[str, Any], *instances: Instance) -> str:
    return endpoints_text([parse_app({"id": "/shop/api", "cmd": "sleep 1", **app})], lambda _: instances)


def test_a_line_for_each_service_port() -> None:
    running = (instance("a", ports=(31000, 31001)), instance("b", ports=(31002,)))
    staging = instance("c", Condition.STAGING, ports=(31004, 31005))
    assert text({"ports": [8080, 8081]}, *running, staging) == (
        "shop_api\t8080\thost:31000\thost:31002\t\nshop_api\t8081\thost:31001\thost:0\t\n"
    )


def test_no_ports() -> None:
    assert text({"portDefinitions": []}, instance("a"), instance("b")) == "shop_api\t \thost host \n"


def test_no_tasks() -> None:
    assert text({"ports": [8080]}) == "shop_api\t8080\t\n"
