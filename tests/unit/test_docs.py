"""What the documents name must exist."""

import re
import tomllib
from pathlib import Path

import pytest

from ciprov.environments.blueprint.load import load
from ciprov.environments.desired import check
from ciprov.settings.loading import Options
from ciprov.settings.loading import load as load_settings

ROOT = Path(__file__).resolve().parents[2]


def paths_in(text: str) -> set[str]:
    """Repository paths in back quotes, and the rooms of the trees drawn in architecture.md."""
    return set(re.findall(r"`((?:ciprov|tests|docs|environments|framework|jobs|scripts|locks|shims)/[\w./-]*)`", text))


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "docs/architecture.md",
        "docs/dependencies.md",
        "docs/embedded-cluster.md",
        "docs/framework.md",
        "docs/agents-operating.md",
        "docs/agents-settings.md",
        "docs/json.md",
        "docs/cron.md",
        "docs/images.md",
        "docs/jobs.md",
    ],
)
def test_every_path_that_a_document_names_exists(document):
    text = (ROOT / document).read_text()
    missing = {path for path in paths_in(text) if not (ROOT / path).exists() and not (ROOT / "ciprov" / path).exists()}
    assert missing == set()


def test_the_flows_in_the_readme_are_names_of_modules():
    flows = re.findall(r"^(\w+) +(.+▶.+?) +ciprov/(\w+)/$", (ROOT / "README.md").read_text(), re.M)
    assert {room for _, _, room in flows} == {"environments", "localcluster"}
    for _, flow, room in flows:
        for name in re.split(r" ─▶ |, ", flow):
            there = ROOT / "ciprov" / room / name.strip()
            assert there.is_dir() or there.with_suffix(".py").exists(), f"{room}/{name}"


def test_the_rooms_that_the_architecture_draws_are_the_rooms_there_are():
    text = (ROOT / "docs" / "architecture.md").read_text()
    for root in ("ciprov", "localcluster"):
        drawn = set(re.findall(r"^  (\w+)(?:/|\.py) ", text.split(f"\n{root}/\n")[1].split("```")[0], re.M))
        where = ROOT / "ciprov" / ("" if root == "ciprov" else root)
        rooms = {p.name for p in where.iterdir() if p.is_dir() and any(p.glob("*.py"))}
        assert rooms <= drawn, f"not drawn: {rooms - drawn}"
        assert all((where / name).exists() or (where / f"{name}.py").exists() for name in drawn)


def yaml_blocks(document: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", (ROOT / document).read_text(), re.S)


def test_the_blueprint_in_the_readme_is_a_good_one():
    (text,) = [block for block in yaml_blocks("README.md") if block.startswith("blueprint:")]
    blueprint, findings = load(text, "README.md")
    assert [str(finding) for finding in (*findings, *check(blueprint))] == []


def test_the_settings_in_the_readme_are_good_ones(tmp_path):
    (text,) = [block for block in yaml_blocks("README.md") if "clusters:" in block]
    (tmp_path / "password").write_text("x")
    file = tmp_path / "config.yaml"
    file.write_text(text.replace("/etc/ciprov/marathon-password", str(tmp_path / "password")))
    cluster = load_settings({"CIPROV_CONFIG": str(file), "HOME": str(tmp_path)}, Options()).cluster
    assert (cluster.name, len(cluster.marathon), cluster.auth.user) == ("staging", 2, "ciprov")


def test_every_dependency_is_explained():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    names = {
        re.split(r"[<>=]", requirement)[0]
        for requirement in project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    }
    text = (ROOT / "docs" / "dependencies.md").read_text()
    assert {name for name in names if name not in text and not name.startswith("types-")} == set()
