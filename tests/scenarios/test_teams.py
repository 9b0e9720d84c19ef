"""Owners, teams and quotas on a cluster that several share."""

from __future__ import annotations

from scenario_cli import Cli

BLUEPRINT = """
blueprint: small
parameters: {instances: {type: integer, default: 1}}
timeout: 40s
group:
  apps:
    - {id: app, cmd: exec sleep 1000, cpus: 0.1, mem: 16, instances: "${instances}", portDefinitions: []}
"""


def test_a_team_gets_what_it_may_have_and_no_more(cli: Cli) -> None:
    (cli.directory / "small.yaml").write_text(BLUEPRINT)
    cli.environment["CIPROV_QUOTAS"] = '{"video": {"environments": 2, "mem": 64}, "default": {"cpus": 0.25}}'
    made = ("-b", "small.yaml")
    cli.ok("env", "up", "one", *made, "--team", "video", "--owner", "ann")
    cli.ok("env", "up", "two", *made, "--team", "video")
    third = cli.run("env", "up", "three", *made, "--team", "video")
    assert third.code == 1
    assert "team video would have 3 environments, and may have 2" in third.err
    assert "ciprov env list --team video" in third.err
    planned = cli.run("env", "plan", "one", "--param", "instances=4", "-o", "json")
    assert planned.code == 1
    (conflict,) = planned.json["conflicts"]
    assert conflict["holder"] == "video"
    assert "80 MiB of memory, and may have 64" in conflict["message"]
    cli.ok("env", "up", "one", "--param", "instances=3")
    listed = cli.ok("env", "list", "--team", "video", "-o", "json").json["environments"]
    assert [one["name"] for one in listed] == ["one", "two"]
    assert (listed[0]["owner"], listed[0]["team"], listed[0]["mem"]) == ("ann", "video", 48.0)
    of_ann = cli.ok("env", "list", "--owner", "ann", "-o", "json").json["environments"]
    assert [one["name"] for one in of_ann] == ["one"]
    cli.ok("env", "up", "free", *made)
    other = cli.run("env", "up", "free-too", *made, "--param", "instances=2")
    assert "those who name no team would have 0.3 cpus, and may have 0.25" in other.err
    cli.ok("env", "down", "two")
    cli.ok("env", "up", "three", *made, "--team", "video")


def test_a_quota_that_cannot_be_read_is_told_with_its_place(cli: Cli) -> None:
    for given, words in (
        ("video", "JSON is wanted"),
        ('{"video": {"disk": 1}}', "video: there is no limit 'disk'"),
        ('{"video": {"cpus": -1}}', "video.cpus: a number from 0 up is wanted"),
    ):
        cli.environment["CIPROV_QUOTAS"] = given
        refused = cli.run("env", "list")
        assert refused.code == 1
        assert "variable CIPROV_QUOTAS: quotas: " in refused.err
        assert words in refused.err
