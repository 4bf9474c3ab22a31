"""Memory of the stages that look at pictures: as much for many as for few, and gigantic ones in turn."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.stages.pictured_study import STAGES, write_models, write_table

FEW, MANY, GIGANTIC = 16, 40, 4
SHAPE, GIGANTIC_SHAPE = (1500, 2000, 3), (4500, 4500, 3)


@pytest.fixture(scope="module")
def held(tmp_path_factory, project_root):
    """What was measured in a process of its own."""
    if not os.access("/proc/self/clear_refs", os.W_OK):
        pytest.skip("the system does not tell how much memory was held at most")
    folder = tmp_path_factory.mktemp("memory")
    write_models(folder)
    for study, count, shape in (("few", FEW, SHAPE), ("many", MANY, SHAPE), ("gigantic", GIGANTIC, GIGANTIC_SHAPE)):
        write_same_pictures(folder / study, count, shape)
    command = [sys.executable, "-m", "tests.stages.looked_at", str(folder)]
    done = subprocess.run(command, cwd=project_root, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def write_same_pictures(folder: Path, count: int, shape: tuple[int, int, int]) -> None:
    """A study of one picture under many names."""
    names = [f"picture_{number:02d}" for number in range(count)]
    write_table(folder, names)
    files = [folder / "images" / "train" / f"{name}.jpg" for name in names]
    coarse = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    large = cv2.resize(coarse, shape[1::-1], interpolation=cv2.INTER_NEAREST)
    files[0].write_bytes(cv2.imencode(".bmp", large)[1])  # quickly decoded
    for file in files[1:]:
        os.link(files[0], file)


@pytest.mark.parametrize("stage", STAGES)
def test_many_pictures_take_no_more_memory_than_few(held, stage):
    more = (MANY - FEW) * np.prod(SHAPE)
    assert held[f"{stage} many"] < held[f"{stage} few"] + more / 3, held


def test_threads_decode_gigantic_pictures_one_after_the_other(held):
    one = np.prod(GIGANTIC_SHAPE)
    assert held["gigantic, 1 threads"] > held["nothing"] + 2 * one, held
    # Four at once would take more than 6 further ones; each thread keeps some memory of its own.
    assert held["gigantic, 4 threads"] < held["gigantic, 1 threads"] + 2 * one, held
