"""Finished batches come back as they were; the rest is tests/common/test_unfinished.py."""

import numpy as np
import pytest

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


def test_parts_of_views_that_are_no_block_of_memory_are_kept_too(parts):
    made = parts.append("text", ["a", "b"], [], {"a/b": np.arange(12, dtype=np.float32).reshape(3, 4).T[::2]})
    assert parts.read(made.name)["a/b"].tolist() == [[0, 4, 8], [2, 6, 10]]


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b[:20], lambda b: b[:-1] + b"\0", lambda b: b""])
def test_a_damaged_part_is_dropped(parts, capsys, damage):
    made, whole = (parts.append("text", [name], [], FEATURES) for name in ("first", "second"))
    path = parts.folder / made.name
    path.write_bytes(damage(path.read_bytes()[:-1] + b"\1"))
    assert parts.load() == [whole]
    assert "1 damaged parts are dropped, their features are made again" in capsys.readouterr().err


def test_nothing_is_left(parts, tmp_path):
    parts.append("text", ["a"], [], FEATURES)
    parts.discard()
    assert list(tmp_path.iterdir()) == []
