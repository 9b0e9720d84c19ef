"""Other people's Marathon clients: where `scripts/foreign-clients` put them, and how they are run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

PLACE = Path(os.environ.get("CIPROV_FOREIGN_CLIENTS", Path(__file__).resolve().parents[1] / ".foreign-clients"))
WAY_OUT = "scripts/foreign-clients installs it"

_DEPLOY = """
import collections
import collections.abc

# The package is older than Python 3.10, which took these names away.
collections.Iterable = collections.abc.Iterable
from marathon_deploy.deploytool import main

main()
"""

_LISTEN = """
const Client = require("marathon-event-bus-client");
const at = new URL(process.argv[1]);
const types = process.argv.slice(3);
const client = new Client({
  marathonHost: at.hostname,
  marathonPort: at.port,
  marathonHeaders: {Authorization: process.env.AUTHORIZATION},
  eventTypes: types,
  handlers: Object.fromEntries(types.map((type) => [type, (name, data) => tell(name, data)])),
});
const tell = (name, data) => process.stdout.write(JSON.stringify([name, data]) + "\\n");
client.on("subscribed", () => tell("subscribed", {}));
client.on("error", (error) => tell("error", error));
setTimeout(() => process.exit(3), Number(process.argv[2]) * 1000);
client.subscribe();
"""


def _missing(what: str) -> None:
    if os.environ.get("CIPROV_TEST_SERVICES") == "required":
        pytest.fail(f"{what} is not there: {WAY_OUT}")
    pytest.skip(f"{what} is not there: {WAY_OUT}")


def marathon_deploy() -> list[str]:
    """The command before its arguments; skips the test where it is not installed."""
    python = PLACE / "python" / "bin" / "python"
    if not python.exists():
        _missing("marathon-deploy")
    return [str(python), "-W", "ignore", "-c", _DEPLOY]


def event_bus_client(url: str, seconds: float, *types: str) -> tuple[list[str], dict[str, str]]:
    """A command that prints a line `[name, data]` for each event, and what it needs in its environment.

    It ends after `seconds`. The Authorization header is to be added to the environment.
    """
    node = shutil.which("node")
    if node is None or not (PLACE / "node_modules" / "marathon-event-bus-client").is_dir():
        _missing("marathon-event-bus-client, or Node.js,")
    return [str(node), "-e", _LISTEN, url, str(seconds), *types], {"NODE_PATH": str(PLACE / "node_modules")}
