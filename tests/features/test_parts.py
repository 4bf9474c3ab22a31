"""Finished batches are kept whole or not at all, and only for the same parameters."""

import errno
import os

import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.features.parts import Parts

FEATURES = {"raw/final": np.arange(6, dtype=np.float32).reshape(2, 3), "a/b": np.ones((2, 1), np.float32)}
ITEMS = ["train/ä 🦊", 'quote " \n']


@pytest.fixture
def parts(tmp_path):
    return Parts(tmp_path / "bank.h5", {"model": "one", "layers": ["final"]})


def test_what_is_kept_is_read_back(parts, tmp_path):
    made = parts.append("image", ITEMS, ["x", "y"], FEATURES)
    assert Parts(tmp_path / "bank.h5", {"layers": ["final"], "model": "one"}).load() == [made]
    found = parts.read(made.name)
    assert set(found) == set(FEATURES)
    assert all(np.array_equal(found[name], values) for name, values in FEATURES.items())
    assert (made.items, made.digests, made.kind) == (tuple(ITEMS), ("x", "y"), "image")


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b[:20], lambda b: b[:-1] + b"\0", lambda b: b""])
def test_a_damaged_part_is_dropped(parts, capsys, damage):
    made, whole = (parts.append("text", [name], [], FEATURES) for name in ("first", "second"))
    path = parts.folder / made.name
    path.write_bytes(damage(path.read_bytes()[:-1] + b"\1"))
    assert parts.load() == [whole]
    assert "1 damaged parts are dropped" in capsys.readouterr().err
    assert not path.exists()


def test_a_part_of_another_run_does_not_pass(parts, tmp_path):
    other = Parts(tmp_path / "bank.h5", {"model": "two", "layers": ["final"]})
    made = other.append("text", ["a"], [], FEATURES)
    parts.folder.mkdir(parents=True)
    (other.folder / made.name).rename(parts.folder / made.name)
    assert parts.load() == []


def test_parameters_that_differ_are_named(parts, tmp_path, capsys):
    parts.append("text", ["a"], [], FEATURES)
    other = Parts(tmp_path / "bank.h5", {"model": "two", "layers": ["final"]})
    assert other.load() == []
    assert "unfinished features of another model; ignored, delete it if unwanted" in capsys.readouterr().err


def test_nothing_is_left(parts, tmp_path):
    parts.append("text", ["a"], [], FEATURES)
    parts.discard()
    assert list(tmp_path.iterdir()) == []
    parts.discard()


def test_a_full_disk_is_one_line_and_no_half_part(parts, monkeypatch):
    whole = parts.append("text", ["a"], [], FEATURES)

    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device", str(source))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(InputError, match="no space left on the device; make room and start again: the features made"):
        parts.append("text", ["b"], [], FEATURES)
    assert sorted(path.name for path in parts.folder.iterdir()) == sorted([whole.name, "made_of.json"])
