"""Outputs appear whole or not at all."""

import os
import subprocess

import pytest

from pipeline_lib.common.outputs import scratch_beside, written_whole


def test_a_file_replaces_the_old_one_only_at_the_end(tmp_path):
    target = tmp_path / "new" / "table.csv"
    target.parent.mkdir()
    target.write_text("old")
    with written_whole(target) as unfinished:
        unfinished.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


def test_a_failure_leaves_the_old_content_and_nothing_else(tmp_path):
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(RuntimeError), written_whole(target) as unfinished:
        unfinished.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_is_replaced_whole(tmp_path):
    target = tmp_path / "run"
    target.mkdir()
    (target / "leftover").touch()
    with written_whole(target) as unfinished:
        unfinished.mkdir()
        (unfinished / "model").touch()
    assert [path.name for path in target.iterdir()] == ["model"]


def test_a_read_only_file_can_be_replaced(tmp_path):
    # DVC links outs from its cache read-only.
    target = tmp_path / "table.csv"
    target.write_text("old")
    target.chmod(0o444)
    with written_whole(target) as unfinished:
        unfinished.write_text("new")
    assert target.read_text() == "new"


def test_what_a_killed_process_left_is_removed(tmp_path):
    killed = subprocess.Popen(["sleep", "60"])
    killed.kill()
    killed.wait()
    (tmp_path / f".{killed.pid}.unfinished.run").mkdir()
    with written_whole(tmp_path / "run") as unfinished:
        unfinished.mkdir()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_what_another_running_process_writes_is_left_alone(tmp_path):
    other = tmp_path / f".{os.getppid()}.unfinished.run"
    other.mkdir()
    with written_whole(tmp_path / "run") as unfinished:
        unfinished.mkdir()
    assert other.exists()


def test_a_scratch_folder_stands_beside_its_target_and_goes_with_the_block(tmp_path):
    target = tmp_path / "out" / "x.zip"
    with pytest.raises(RuntimeError), scratch_beside(target) as folder:
        assert folder.parent == target.parent
        (folder / "big").touch()
        raise RuntimeError
    assert not list(target.parent.iterdir())


def test_the_scratch_of_a_killed_process_is_removed(tmp_path):
    killed = subprocess.Popen(["sleep", "60"])
    killed.kill()
    killed.wait()
    leftover = tmp_path / f".{killed.pid}.unfinished.x.zip.scratch"
    leftover.mkdir()
    (leftover / "big").touch()
    with scratch_beside(tmp_path / "x.zip"):
        assert not leftover.exists()
