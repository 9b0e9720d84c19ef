"""Persistent volumes: kept for instances, taken over by later ones, removed with their app, never removed by a link."""

from __future__ import annotations

import stat
import time
from pathlib import Path

import pytest

from ciprov.localcluster.runtimes.port import PersistentVolumes
from ciprov.localcluster.runtimes.sandbox import KEEP_SECONDS, Sandboxes
from ciprov.localcluster.runtimes.volumes import Living, Volumes

WANTED = PersistentVolumes("/shop/db", "shop_db.instance-1", ("data", "log"))


def sandbox(root: Path, name: str = "box") -> Path:
    made = root / name
    made.mkdir()
    return made


def test_a_sandbox_has_the_volumes_under_their_names_and_the_next_one_finds_them_as_they_were(tmp_path: Path) -> None:
    volumes = Volumes(tmp_path / "volumes")
    first, second = sandbox(tmp_path, "first"), sandbox(tmp_path, "second")
    volumes.link(WANTED, first)
    assert stat.S_IMODE((first / "data").stat().st_mode) == 0o777
    (first / "data" / "file").write_text("kept")
    (first / "data").chmod(0o700)  # as databases want their directory
    volumes.link(WANTED, second)
    assert (second / "data" / "file").read_text() == "kept"
    assert stat.S_IMODE((second / "data").stat().st_mode) == 0o700
    assert not any((second / "log").iterdir())


@pytest.mark.parametrize("name", ["/etc", "../out", "..", ".", "", "a/b"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    box = sandbox(tmp_path)
    with pytest.raises(ValueError, match="containerPath"):
        Volumes(tmp_path / "volumes").link(PersistentVolumes("/a", "a.instance-1", (name,)), box)
    assert not any(box.iterdir())


def test_a_new_instance_takes_over_what_one_left_that_is_no_more(tmp_path: Path) -> None:
    living = ["shop_db.instance-1", "shop_db.instance-2"]
    volumes = Volumes(tmp_path / "volumes", Living(lambda: ["/shop/db"], lambda: living))
    for instance in list(living):
        (volumes.of("/shop/db", instance) / "data").mkdir(parents=True)
        (volumes.of("/shop/db", instance) / "data" / "of").write_text(instance)
    living[:] = ["shop_db.instance-2", "shop_db.instance-3"]
    assert (volumes.of("/shop/db", "shop_db.instance-3") / "data" / "of").read_text() == "shop_db.instance-1"
    assert (volumes.of("/shop/db", "shop_db.instance-2") / "data" / "of").read_text() == "shop_db.instance-2"
    assert not volumes.of("/shop/db", "shop_db.instance-4").exists()


def test_volumes_go_with_their_app(tmp_path: Path) -> None:
    apps = ["/shop/db", "/other"]
    directory = tmp_path / "volumes"
    volumes = Volumes(directory, Living(lambda: apps, list))
    for app in apps:
        (volumes.of(app, "instance") / "data").mkdir(parents=True)
    volumes.remove_unclaimed()
    assert len(list(directory.iterdir())) == 2
    apps.remove("/shop/db")
    volumes.remove_unclaimed()
    visible = [entry.name for entry in directory.iterdir() if not entry.name.startswith(".")]
    assert visible == [volumes.of("/other", "instance").parent.name]


def test_removing_old_sandboxes_leaves_volumes_alone(tmp_path: Path) -> None:
    sandboxes = Sandboxes(tmp_path / "tasks", tmp_path / "supervised")
    sandboxes.prepare()
    volumes = Volumes(tmp_path / "volumes")
    box = sandboxes.path("shop_db.instance-1._app.1")
    box.mkdir()
    volumes.link(WANTED, box)
    (box / "data" / "file").write_text("kept")
    (sandboxes.tasks / "link").symlink_to(tmp_path / "volumes")
    sandboxes.collect(time.time() + KEEP_SECONDS + 60, [])
    assert not box.exists()
    assert [file.read_text() for file in (tmp_path / "volumes").rglob("file")] == ["kept"]
