"""A packed store is deterministic and refused when damaged."""

import numpy as np
import pytest
import zarr

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.zarr_zip import open_zarr_zip, pack_zarr


def packed(folder, target, order):
    group = zarr.open_group(folder, mode="w")
    for name in order:
        group.create_array(name, data=np.arange(10), chunks=(4,))
    pack_zarr(folder, target)
    return target


def test_the_same_content_gives_the_same_bytes(tmp_path):
    first = packed(tmp_path / "one", tmp_path / "one.zip", ["b", "a"])
    second = packed(tmp_path / "two", tmp_path / "two.zip", ["a", "b"])
    assert first.read_bytes() == second.read_bytes()
    assert open_zarr_zip(first)["b"][:].tolist() == list(range(10))


def test_damaged_and_missing_files_are_refused(tmp_path):
    path = packed(tmp_path / "one", tmp_path / "one.zip", ["a"])
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(InputError, match="not a whole zarr store"):
        open_zarr_zip(path)
    with pytest.raises(InputError, match="no such file"):
        open_zarr_zip(tmp_path / "none.zip")
