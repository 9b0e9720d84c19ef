"""A stand-in for agent.jar, which the fake Jenkins also serves in its place: same arguments, standard library only.

    python agent.jar -url URL -name NAME -secret (SECRET | @FILE) [-workDir DIR] [-webSocket] [-noReconnect] ...

It keeps one answer of the controller open, on which each line is a build to run, and tells how that ended. As the real
one it starts itself anew, with the same arguments, when the controller is back after it was lost.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

_PAUSE_S = 1.0
_FLAGS = ("-webSocket", "-noReconnect", "-failIfWorkDirIsMissing", "-noKeepAlive", "-noCertificateCheck")


def options(arguments: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    # As the parser of agent.jar does it: what is in a file stands for its name, and an empty file for nothing.
    arguments = [each for one in arguments for each in ([one] if one[:1] != "@" else Path(one[1:]).read_text().split())]
    rest = iter(arguments)
    for option in rest:
        found[option.lstrip("-")] = "yes" if option in _FLAGS else next(rest, "")
    return found


def run(given: dict[str, str]) -> int:
    secret = given["secret"]
    status = first(given, secret)
    if "noReconnect" in given:
        return 0 if status in {0, 200} else 255
    if status not in {0, 200}:
        return 255
    patience = seconds(given["noReconnectAfter"]) if "noReconnectAfter" in given else float("inf")
    lost = time.monotonic()
    while time.monotonic() - lost <= patience:
        time.sleep(_PAUSE_S)
        if answers(given):
            os.execv(sys.executable, sys.orig_argv)
    return 0


def first(given: dict[str, str], secret: str) -> int:
    """Serves once it gets through: over TCP it tries again, over a WebSocket it does not. 0: it broke."""
    while True:
        try:
            connection, _ = connected(given)
            connection.connect()
        except OSError:
            if "webSocket" in given or "noReconnect" in given:
                return 503
            time.sleep(_PAUSE_S)
            continue
        connection.close()
        try:
            return serve(given, secret)
        except (OSError, http.client.HTTPException):
            return 0


def answers(given: dict[str, str]) -> bool:
    connection, path = connected(given)
    try:
        connection.request("GET", f"{path}/login")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False


def serve(given: dict[str, str], secret: str) -> int:
    """Takes builds until the controller ends the connection; gives the status that it answered with."""
    connection, path = connected(given)
    connection.request("POST", f"{path}/fake/agents/{quote(given['name'])}", headers={"X-Secret": secret})
    response = connection.getresponse()
    if response.status != 200:
        print(f"Handshake error: Response code was {response.status}", file=sys.stderr)  # noqa: T201
        return response.status
    print("INFO: Connected", file=sys.stderr, flush=True)  # noqa: T201
    for line in response:
        build = json.loads(line)
        if "script" in build:
            code = build_one(Path(given.get("workDir", ".")), build)
            report(given, secret, {**build, "result": "SUCCESS" if code == 0 else "FAILURE"})
    return response.status


def build_one(work_dir: Path, build: dict[str, str]) -> int:
    workspace = work_dir / "workspace" / build["job"]
    workspace.mkdir(parents=True, exist_ok=True)
    return subprocess.run(["sh", "-c", build["script"]], cwd=workspace, check=False).returncode


def report(given: dict[str, str], secret: str, result: dict[str, str]) -> None:
    connection, path = connected(given)
    connection.request(
        "POST", f"{path}/fake/agents/{quote(given['name'])}/done", json.dumps(result), {"X-Secret": secret}
    )
    connection.getresponse().read()


def connected(given: dict[str, str]) -> tuple[http.client.HTTPConnection, str]:
    parts = urlsplit(given["url"])
    return http.client.HTTPConnection(parts.hostname or "", parts.port or 80), parts.path.rstrip("/")


def seconds(text: str) -> float:
    factors = {"s": 1.0, "m": 60.0, "h": 3600.0}
    return float(text[:-1]) * factors[text[-1]] if text[-1] in factors else float(text)


if __name__ == "__main__":
    sys.exit(run(options(sys.argv[1:])))
