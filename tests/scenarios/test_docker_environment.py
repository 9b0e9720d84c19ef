"""Environments with images, through the command line, on a real Docker engine."""

from __future__ import annotations

import json
import os
import signal
import urllib.request

import pytest
from docker_image import busybox_image
from scenario_cli import Cli, eventually

BLUEPRINT = """
blueprint: images
parameters:
  mark: {{type: string, default: a}}
  password: {{type: secret, default: none}}
routes: [{{name: front, app: web, port: http}}]
timeout: 3m
group:
  apps:
    - id: data
      cmd: "echo $MARK >> data/marks; cp data/marks /www/index.html; exec httpd -f -p 5432 -h /www"
      cpus: 0.1
      mem: 32
      env: {{MARK: "${{mark}}"}}
      container:
        type: DOCKER
        docker:
          image: "{image}"
          parameters: [{{key: workdir, value: /mnt/mesos/sandbox}}, {{key: tmpfs, value: /www}}]
        portMappings: [{{containerPort: 5432, hostPort: 31811, name: sql}}]
        volumes: [{{containerPath: data, persistent: {{size: 1}}, mode: RW}}]
      networks: [{{mode: container/bridge}}]
      healthChecks: [{{protocol: TCP, intervalSeconds: 1, gracePeriodSeconds: 60}}]
    - id: plain
      cmd: "mkdir -p www; echo process > www/index.html; exec busybox httpd -f -p $HOST:$PORT0 -h www"
      cpus: 0.1
      mem: 32
      requirePorts: true
      portDefinitions: [{{port: 31812, name: http}}]
      healthChecks: [{{protocol: HTTP, intervalSeconds: 1, gracePeriodSeconds: 60}}]
    - id: web
      cmd: "mkdir /www; (wget -qO- http://$DATA; wget -qO- http://$PLAIN; echo $PASSWORD) > /www/index.html;
        cat /www/index.html; exec httpd -f -p 80 -h /www"
      cpus: 0.1
      mem: 32
      dependencies: [data, plain]
      env: {{DATA: "${{service.data.sql}}", PLAIN: "${{service.plain.http}}", PASSWORD: "${{password}}"}}
      container: {{type: DOCKER, docker: {{image: "{image}"}}, portMappings: [{{containerPort: 80, name: http}}]}}
      networks: [{{mode: container/bridge}}]
      healthChecks:
        - {{protocol: COMMAND, command: {{value: "test -s /www/index.html"}}, intervalSeconds: 1, delaySeconds: 0}}
"""


@pytest.fixture
def blueprint(cli: Cli) -> str:
    file = cli.directory / "images.yaml"
    file.write_text(BLUEPRINT.format(image=busybox_image()))
    return str(file)


def front(cli: Cli) -> str:
    url = json.loads(cli.ok("env", "show", "x", "-o", "json").out)["url"]
    with urllib.request.urlopen(url, timeout=10) as answer:
        content: str = answer.read().decode()
    return content


def test_containers_and_processes_find_each_other_outlive_the_daemon_and_go(cli: Cli, blueprint: str) -> None:
    cli.environment["CIPROV_PARAM_PASSWORD"] = "hunter2"
    cli.ok("env", "up", "x", "--blueprint", blueprint, timeout=240)
    assert front(cli) == "a\nprocess\nhunter2\n"
    assert "a\nprocess\n" in cli.ok("env", "logs", "x", "web").out
    assert cli.ok("env", "exec", "x", "web", "--", "cat", "/www/index.html").out == "a\nprocess\nhunter2\n"

    before = cli.task_ids("/ciprov/x")
    os.kill(cli.cluster["pid"], signal.SIGKILL)
    cli.ok("env", "status", "x")
    assert eventually(lambda: cli.run("env", "status", "x").out.count("healthy") == 3)
    assert cli.task_ids("/ciprov/x") == before
    assert front(cli) == "a\nprocess\nhunter2\n"

    # A fixed host port, in a container too, is never rolled; its volume stays with it.
    cli.ok("env", "up", "x", "--blueprint", blueprint, "--param", "mark=b", timeout=240)
    after = cli.task_ids("/ciprov/x")
    assert {app for app in after if after[app] != before[app]} == {"/ciprov/x/data"}
    assert cli.ok("env", "exec", "x", "data", "--", "cat", "/www/index.html").out == "a\nb\n"

    for process in cli.processes():
        assert "hunter2" not in " ".join(process.cmdline())
    cli.ok("env", "down", "x", timeout=240)
    volumes = cli.state / "local" / "volumes"
    assert eventually(lambda: not volumes.exists() or not any(volumes.iterdir()))
