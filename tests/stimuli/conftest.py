"""Pictures and settings for the tests of the stimuli room."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline_lib.common.params import validated
from pipeline_lib.stimuli.params import ViewsParams, VseParams


@pytest.fixture
def vse_params(params) -> Callable[..., VseParams]:
    """The shipped settings, with changes."""

    def make(**changes):
        return validated({"vse": params["vse"] | changes}, "vse", VseParams)

    return make


@pytest.fixture
def view_params(params) -> Callable[..., ViewsParams]:
    """The shipped settings of section `views`, with changes."""

    def make(**changes):
        return validated({"views": params["views"] | changes}, "views", ViewsParams)

    return make


@pytest.fixture
def picture() -> Callable[..., np.ndarray]:
    """A random picture with large and small structure in colour."""

    def make(height=40, width=56, seed=0):
        rng = np.random.default_rng(seed)
        coarse = rng.integers(0, 256, (1 + height // 8, 1 + width // 8, 3)).repeat(8, 0).repeat(8, 1)[:height, :width]
        return (0.7 * coarse + 0.3 * rng.integers(0, 256, (height, width, 3))).astype(np.uint8)

    return make


@pytest.fixture
def photos(real_data) -> list[Path]:
    """The 40 real photographs."""
    files = sorted((real_data / "photos").glob("*.jpg"))
    if not files:
        pytest.skip(f"no photographs in {real_data / 'photos'}")
    return files


@pytest.fixture
def folder_of_pictures(tmp_path, picture) -> Callable[..., list[Path]]:
    """Write random pictures as PNG files into a folder."""

    def make(count, height=40, width=56):
        folder = tmp_path / "pictures"
        folder.mkdir(exist_ok=True)
        files = [folder / f"picture_{seed:02d}.png" for seed in range(count)]
        for seed, file in enumerate(files):
            Image.fromarray(picture(height, width, seed)).save(file)
        return files

    return make
