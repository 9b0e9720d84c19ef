"""Sections `agents` that are as they should be."""

from __future__ import annotations

from pathlib import Path

from ciprov.settings.agents import AgentSettings
from ciprov.settings.loading import Options, load
from ciprov.settings.model import Cluster

EVERY_KEY = """\
clusters:
  ci:
    mesos: http://m:5050
    role: builds
    agents:
      jenkins:
        {url: "https://j.example/ci/", user: u, token_file: token, tls: {ca: ca.pem, certificate: ca.pem, key: ca.pem}}
      name: svc
      most: 40
      lead: 0
      patience: 1m
      anchors: false
      metrics: true
      listen: "[::1]:9443"
      address: https://agents.example/x
      api_token_env: API
      masters: zk://z:2181,y/mesos
      masters_auth: {user: zu, password: "p/w"}
      framework:
        roles: [builds, "*"]
        user: jenkins
        failover_timeout: 2d
        capabilities: REVOCABLE_RESOURCES
        hostname: h.example
        webui_url: http://w.example
      templates:
        full:
          labels: [linux, jdk17]
          expressions: [linux && jdk17, "!gpu"]
          exclusive: false
          unique_prefix: own-
          cpus: 1.5
          mem: 2048
          disk: 100
          gpus: 1
          ports: [0, 8080]
          constraints: [[rack, group_by, 3], ["@hostname", UNIQUE], [os, IS, linux]]
          roles: builds
          priority: -3
          weight: 2
          algorithm: spread
          expected: 1h30m
          container:
            type: mesos
            image: maven:3
            network:
              {mode: container, name: calico, ports: [9000, {container_port: 53, host_port: 31053, protocol: UDP}]}
            volumes:
              - {container_path: /root/.m2, host_path: /var/cache/m2, cache: true, by_job: true}
              - {container_path: /data/, name: data, driver: rexray, options: {size: 5}, mode: ro}
            force_pull: true
          env: {A: text, B: 3, S: {from_env: SECRET}, F: {from_file: secret}}
          uris: [http://h/a.tgz, {uri: /b, cache: true, extract: false, executable: true, output_file: c/d}]
          user: ann
          java: /opt/java
          jvm_options: -Xmx512m -XX:+UseG1GC
          arguments: [-tunnel, "h:1"]
          cached_agent_jar: true
          protocol: tcp
          work_dir: /var/agents/
          jar_cache: off
          class_data: /opt/agent.jsa
          reconnect: 0
          most: 9
          warm: [{count: 1}, {count: 3, schedule: "Mon-Fri 07:00-19:00 Europe/Berlin"}]
          idle: 2m
          online: 3m
          grace: 4s
          unreachable: 5m
          attempts: 6
          retry: 7s
          pause: 8m
        docker: {cpus: 1, mem: 64, container: {type: DOCKER, image: i, parameters: {cap-add: A}, privileged: true}}
"""

PLAIN = """\
clusters:
  ci: {mesos: "http://m:5050", agents: {jenkins: {url: "http://j"}, templates: {a: {cpus: 1, mem: 64}}}}
"""


def cluster(directory: Path, text: str, options: Options | None = None, **variables: str) -> Cluster:
    """The cluster that is chosen; a token, a secret and a certificate lie beside the file."""
    (directory / "config.yaml").write_text(text)
    (directory / "token").write_text("t0k3n\n")
    (directory / "secret").write_text("s3cret\n")
    (directory / "ca.pem").touch()
    given = {"HOME": str(directory), "CIPROV_CONFIG": str(directory / "config.yaml"), **variables}
    return load(given, options or Options()).cluster


def agents_of(chosen: Cluster) -> AgentSettings:
    """Of a cluster that has the section."""
    assert chosen.agents is not None
    return chosen.agents
