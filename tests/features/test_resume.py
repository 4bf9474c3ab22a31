"""A run that is killed goes on where it was; what has changed is made again."""

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
import yaml

from pipeline_lib.captioning.table import caption_table, write_captions
from pipeline_lib.common.errors import InputError
from pipeline_lib.features.bank import open_bank
from pipeline_lib.features.models import ImageTextModel
from tests.captioning.small_study import write_study
from tests.features.killed_run import run
from tests.features.tiny_models import slip_state, write_slip
from tests.features.view_stores import write_views

TEXTS = ["red", "blue", "red", "", "star", "green"]


@pytest.fixture
def study(params, tmp_path):
    ids = write_study(tmp_path).frame["image_id"].tolist()
    write_slip(tmp_path / "slip", slip_state())
    write_views(tmp_path / "vse.zarr.zip", ids, shade=lambda row: 20 * row)
    write_captions(caption_table(ids, TEXTS, source="label"), tmp_path / "captions.csv")
    section = {
        "models": str(tmp_path),
        "model": "slip",
        "device": "cpu",
        "batch_size": 1,
        "layers": ["final", "mean-1"],
    }
    set_params(tmp_path, params, **section)
    return tmp_path


def set_params(study, params, **values):
    params["features"].update(values)
    (study / "params.yaml").write_text(yaml.safe_dump(params))


def watched(patch, before):
    """Call `before` with the images of each forward pass and the texts of each."""
    images, texts = ImageTextModel.encode_layers, ImageTextModel.encode_texts

    def seen(self, pixels, layers):
        before(len(pixels), [])
        return images(self, pixels, layers)

    def said(self, asked):
        before(0, asked)
        return texts(self, asked)

    patch.setattr(ImageTextModel, "encode_layers", seen)
    patch.setattr(ImageTextModel, "encode_texts", said)


def broken_off(study, out, after, monkeypatch):
    """Run until `after` passes are done, then fail."""
    passes = []

    def stop_then(n_images, texts):
        if len(passes) >= after:
            raise KeyboardInterrupt
        passes.append(n_images)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        watched(patch, stop_then)
        run(study, out)


def looked_at(study, out, monkeypatch):
    """How many pictures and which texts a whole run encodes."""
    pictures, texts = [], []
    with monkeypatch.context() as patch:
        watched(patch, lambda n_images, asked: (pictures.append(n_images), texts.extend(asked)))
        run(study, out)
    return sum(pictures), texts


def uninterrupted(study):
    run(study, study / "uninterrupted.h5")
    return (study / "uninterrupted.h5").read_bytes()


def test_killed_at_any_moment_it_ends_with_the_same_bytes(study, project_root):
    out, kills = study / "out" / "bank.h5", 2
    command = [sys.executable, "-m", "tests.features.killed_run", study, out, kills, 0]
    subprocess.run(list(map(str, command)), cwd=project_root, check=True, timeout=300, env=os.environ)
    assert out.read_bytes() == uninterrupted(study)
    assert [path.name for path in out.parent.iterdir()] == ["bank.h5"]
    passes = (study / "passes.txt").read_text().split()
    assert 12 <= len(passes) <= 12 + 2 * kills  # a kill loses one batch at most, which here is one image in two views


def test_only_what_is_missing_is_made_again(study, monkeypatch, capsys):
    out = study / "bank.h5"
    broken_off(study, out, 9, monkeypatch)
    assert not out.exists()
    pictures, texts = looked_at(study, out, monkeypatch)
    assert pictures == 4  # two images of six in two views
    assert texts == ["red", "blue", "", "star", "green"]
    assert "features of 4 of 6 images are there already" in capsys.readouterr().err
    assert out.read_bytes() == uninterrupted(study)
    assert not list(study.glob(".*"))


def test_texts_are_kept_too(study, monkeypatch):
    out = study / "bank.h5"
    broken_off(study, out, 14, monkeypatch)
    assert looked_at(study, out, monkeypatch) == (0, ["", "star", "green"])


@pytest.mark.parametrize(
    ("change", "named"),
    [({"layers": ["final"]}, "layers"), ({"views": ["vse"]}, "views"), ({"views": ["raw", "noise"]}, "views")],
)
def test_changed_parameters_start_afresh(study, params, monkeypatch, capsys, change, named):
    out = study / "bank.h5"
    broken_off(study, out, 9, monkeypatch)
    set_params(study, params, **change)
    assert looked_at(study, out, monkeypatch)[0] == 6 * len(params["features"]["views"])
    assert f"unfinished features of another {named}; ignored" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["weights", "card", "view settings"])
def test_another_model_or_view_starts_afresh(study, params, monkeypatch, what):
    out = study / "bank.h5"
    if what == "view settings":
        set_params(study, params, views=["noise", "lowres"])
    broken_off(study, out, 9, monkeypatch)
    if what == "weights":
        write_slip(study / "slip", {**slip_state(), "visual.norm.bias": torch.zeros(48)})
    elif what == "card":
        write_slip(study / "slip", slip_state(), vision_heads=6)
    else:
        params["views"]["noise"]["sigma"] = 3.0
        set_params(study, params)
    assert looked_at(study, out, monkeypatch)[0] == 12


def test_a_changed_image_view_or_caption_is_made_again(study, monkeypatch):
    out = study / "bank.h5"
    broken_off(study, out, 16, monkeypatch)
    first = next((study / "images").rglob("thing_00a.png"))
    cv2.imwrite(str(first), np.full((30, 30, 3), 77, np.uint8))
    ids = write_captions_of(study, ["red", "blue", "red", "black", "star", "green"])
    write_views(study / "vse.zarr.zip", ids, shade=lambda row: 20 * row + 3 * (row == 2))
    pictures, texts = looked_at(study, out, monkeypatch)
    assert pictures == 4
    assert texts == ["black", "green"]
    assert out.read_bytes() == uninterrupted(study)


def write_captions_of(study, texts):
    from pipeline_lib.common.stimulus_table import read_stimulus_table

    ids = read_stimulus_table(study / "stimuli.csv").frame["image_id"].tolist()
    write_captions(caption_table(ids, texts, source="label"), study / "captions.csv")
    return ids


def test_damaged_parts_are_made_again(study, monkeypatch, capsys):
    out = study / "bank.h5"
    broken_off(study, out, 9, monkeypatch)
    part = next(path for path in sorted(study.rglob("*.part")))
    part.write_bytes(part.read_bytes()[:-3])
    assert looked_at(study, out, monkeypatch)[0] == 6
    assert "1 damaged parts are dropped" in capsys.readouterr().err
    assert out.read_bytes() == uninterrupted(study)


def test_other_batches_go_on_as_well(study, params, monkeypatch):
    out = study / "bank.h5"
    broken_off(study, out, 7, monkeypatch)
    set_params(study, params, batch_size=64)
    assert looked_at(study, out, monkeypatch)[0] == 6


def test_batches_that_do_not_fit_into_memory_are_halved(study, params, monkeypatch, capsys):
    set_params(study, params, batch_size=6)
    expected, encode = uninterrupted(study), ImageTextModel.encode_layers

    def hungry(self, pixels, layers):
        if len(pixels) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return encode(self, pixels, layers)

    monkeypatch.setattr(ImageTextModel, "encode_layers", hungry)
    run(study, study / "halved.h5")
    assert "out of memory with 6 images at once, going on with 3" in capsys.readouterr().err
    with open_bank(study / "halved.h5") as halved, open_bank(study / "uninterrupted.h5") as whole:
        for name in whole.datasets():
            np.testing.assert_allclose(halved.read(name, whole.image_ids), whole.read(name, whole.image_ids), atol=1e-5)
    assert expected


def test_one_image_that_does_not_fit_is_one_line(study, monkeypatch):
    def never(self, pixels, layers):
        raise MemoryError

    monkeypatch.setattr(ImageTextModel, "encode_layers", never)
    with pytest.raises(InputError, match=r"one image at a time does not fit into memory; take a smaller model"):
        run(study, study / "bank.h5")
