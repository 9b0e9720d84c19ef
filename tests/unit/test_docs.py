"""What the documents name must exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def paths_in(text: str) -> set[str]:
    """Repository paths in back quotes, and the rooms of the trees drawn in architecture.md."""
    return set(re.findall(r"`((?:ciprov|tests|docs|environments|scripts|locks|shims)/[\w./-]*)`", text))


@pytest.mark.parametrize(
    "document", ["README.md", "docs/architecture.md", "docs/dependencies.md", "docs/embedded-cluster.md"]
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


def test_every_dependency_is_explained():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    names = {
        re.split(r"[<>=]", requirement)[0]
        for requirement in project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    }
    text = (ROOT / "docs" / "dependencies.md").read_text()
    assert {name for name in names if name not in text and not name.startswith("types-")} == set()
