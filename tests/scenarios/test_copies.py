"""`env clone` and `env promote`: other environments made of what one was made of."""

from __future__ import annotations

import pytest
from scenario_cli import Cli

BLUEPRINT = """
blueprint: shop
parameters:
  tag: {type: string, default: latest}
  database: {type: string, default: "db-${env.name}"}
  password: {type: secret}
kinds:
  dev: {}
  staging: {web: {instances: 2, env: {MODE: staging}}}
default_kind: dev
timeout: 40s
group:
  apps:
    - id: web
      cmd: exec sleep 1000
      cpus: 0.05
      mem: 16
      env: {TAG: "${tag}", DATABASE: "${database}", PASSWORD: "${password}", SELF: "${service.web.http}"}
      portDefinitions: [{port: 0, name: http}]
"""


@pytest.fixture
def shop(cli: Cli) -> Cli:
    (cli.directory / "shop.yaml").write_text(BLUEPRINT)
    (cli.directory / "secret").write_text("hunter2")
    cli.ok("env", "up", "one", "-b", "shop.yaml", "--param", "tag=1.4", "--param", "password=@secret")
    return cli


def web(cli: Cli, name: str) -> dict[str, object]:
    app: dict[str, object] = cli.marathon(f"/v2/apps/ciprov/{name}/web")["app"]
    return app


def test_a_clone_has_the_same_parameters_but_a_name_and_ports_of_its_own(shop: Cli) -> None:
    without = shop.run("env", "clone", "one", "two")
    assert without.code == 64, without.err
    assert "password" in without.err
    (shop.directory / "other").write_text("other")
    planned = shop.run("env", "clone", "one", "two", "--param", "password=@other", "--dry-run", "-o", "json")
    assert planned.code == 2
    assert "password is not the one that one was made with" in planned.err
    done = shop.ok("env", "clone", "one", "two", "--param", "password=@secret", "-o", "json")
    assert "note: the secret" not in done.err
    assert done.json["outcome"] == "ready"
    first, second = web(shop, "one")["env"], web(shop, "two")["env"]
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert second["TAG"] == "1.4"
    assert (first["DATABASE"], second["DATABASE"]) == ("db-one", "db-two")
    assert first["SELF"] != second["SELF"]
    again = shop.ok("env", "clone", "one", "two", "--param", "password=@secret", "-o", "json")
    assert again.json["outcome"] == "unchanged"
    assert "hunter2" not in planned.out + planned.err + done.out + done.err


def test_a_secret_that_goes_back_to_its_default_is_told(cli: Cli) -> None:
    (cli.directory / "shop.yaml").write_text(BLUEPRINT.replace("{type: secret}", "{type: secret, default: changeme}"))
    (cli.directory / "secret").write_text("hunter2")
    cli.ok("env", "up", "one", "-b", "shop.yaml", "--param", "password=@secret")
    planned = cli.run("env", "plan", "one")
    assert planned.code == 2
    assert "the secret password is not given, so it goes back to its default" in planned.err
    given = cli.run("env", "plan", "one", "--param", "password=@secret")
    assert (given.code, "goes back" in given.err) == (0, False)


def test_copies_that_cannot_be(shop: Cli) -> None:
    nobody = shop.run("env", "clone", "nobody", "two")
    assert (nobody.code, "there is no environment nobody" in nobody.err) == (64, True)
    itself = shop.run("env", "clone", "one", "one", "--param", "password=@secret")
    assert (itself.code, "a copy of itself" in itself.err) == (64, True)
    (shop.directory / "other.yaml").write_text(BLUEPRINT.replace("blueprint: shop", "blueprint: other"))
    shop.ok("env", "up", "two", "-b", "other.yaml", "--param", "password=@secret")
    there = shop.run("env", "clone", "one", "two", "--param", "password=@secret")
    assert (there.code, "was made from another blueprint" in there.err) == (64, True)
    unknown = shop.run("env", "promote", "one", "--to", "production", "--param", "password=@secret")
    assert (unknown.code, "no kind 'production'" in unknown.err) == (64, True)


def test_promoting_shows_the_plan_asks_and_brings_the_same_images_with_the_overlay_of_the_kind(shop: Cli) -> None:
    promote = ("env", "promote", "one", "--to", "staging", "--param", "password=@secret")
    unattended = shop.run(*promote)
    assert unattended.code == 64
    assert "+ web: create" in unattended.err
    assert "--yes" in unattended.err
    assert shop.ok("env", "list", "-o", "json").json["environments"][0]["name"] == "one"
    assert shop.run(*promote, "--dry-run").code == 2
    done = shop.ok(*promote, "--yes", "-o", "json")
    assert done.json["environment"] == "staging"
    assert done.json["kind"] == "staging"
    app = web(shop, "staging")
    assert app["instances"] == 2
    assert isinstance(app["env"], dict)
    assert (app["env"]["TAG"], app["env"]["MODE"], app["env"]["DATABASE"]) == ("1.4", "staging", "db-staging")
    shop.ok("env", "up", "one", "--param", "tag=1.5", "--param", "password=@secret")
    shop.ok(*promote, "--yes")
    app = web(shop, "staging")
    assert isinstance(app["env"], dict)
    assert app["env"]["TAG"] == "1.5"
    named = shop.ok(*promote, "--as", "staging-eu", "--yes", "-o", "json")
    assert named.json["environment"] == "staging-eu"
