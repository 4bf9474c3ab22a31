"""Gallery images are encoded as those of the study were."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import yaml
from PIL import Image

import stages.features
from pipeline_lib.common.errors import InputError
from pipeline_lib.common.stimulus_table import read_stimulus_table
from pipeline_lib.decoding.encoding import gallery_features
from pipeline_lib.decoding.gallery import features_folder, read_gallery
from pipeline_lib.features.bank import open_bank
from pipeline_lib.features.record import record_of
from pipeline_lib.training.run_folder import load_run
from pipeline_lib.training.targets import read_target


@pytest.fixture
def card(study):
    return load_run(study.model)[1]


@pytest.fixture
def gallery(study):
    return read_gallery(study.stimuli, read_stimulus_table(study.stimuli), "test", study.images)


def encoded(gallery, card, folder=None):
    return gallery_features(gallery, card, features_folder(card, folder), device="cpu", threads=1)


@pytest.mark.parametrize(
    ("view", "layer", "dtype"),
    [
        ("vse", "final", "float32"),
        ("raw", "final", "float16"),
        (["raw", "noise"], "mean-1", "float32"),
        ("mosaic", ["class-1", "class-2"], "float32"),
    ],
)
def test_features_are_those_of_the_stage(study, card, gallery, params, tmp_path, view, layer, dtype):
    values = yaml.safe_load((study.folder / "params.yaml").read_text())
    views, layers = (each if isinstance(each, list) else [each] for each in (view, layer))
    values["features"].update(views=views, layers=layers, dtype=dtype)
    params_file, bank_file = tmp_path / "params.yaml", tmp_path / "slip.h5"
    params_file.write_text(yaml.safe_dump(values))
    where = {"views": study.folder / "vse.zarr.zip", "captions": study.folder / "none.csv", "out": bank_file}
    stages.features.main(stimuli=study.stimuli, images=study.images, **where, params_file=params_file)
    with open_bank(bank_file) as bank:
        expected = read_target(bank, view, layer, gallery.image_ids)
        card = replace(card, gallery_view=view, target_layer=layer, features=record_of(bank))
    np.testing.assert_allclose(encoded(gallery, card), expected, atol=1e-5)


def test_other_weights_are_refused_with_both_digests(study, card, gallery):
    other = replace(card, features=card.features | {"revision": "sha256:0123"})
    with pytest.raises(
        InputError, match=r"the weights are sha256:[0-9a-f]{64}, but .* are of sha256:0123; .*--features-model"
    ):
        encoded(gallery, other)


def test_a_model_that_moved_is_named_by_its_folder(study, card, gallery, tmp_path):
    moved = shutil.copytree(study.folder / "models" / "slip", tmp_path / "a folder")
    gone = replace(card, features=card.features | {"models": str(tmp_path / "gone")})
    with pytest.raises(
        InputError, match=r"gone/slip: no such folder; .* \(slip\): name its folder with --features-model"
    ):
        encoded(gallery, gone)
    np.testing.assert_array_equal(encoded(gallery, gone, moved), encoded(gallery, card))


def test_settings_of_views_that_were_not_recorded(card, gallery):
    features = card.features | {"vse": None, "views": None}
    for view, section in (("vse", "vse"), ("mosaic", "views")):
        with pytest.raises(InputError, match=rf"does not say how the views were made \(section {section}\)"):
            encoded(gallery, replace(card, gallery_view=view, features=features))


@pytest.mark.parametrize("view", ["raw", "vse"])
@pytest.mark.parametrize("damage", ["text", "truncated"])
def test_an_image_that_does_not_decode(study, card, tmp_path, view, damage):
    folder = shutil.copytree(study.gallery, tmp_path / "photos")
    broken = folder / "zebra.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(broken)
    broken.write_bytes(b"no picture" if damage == "text" else broken.read_bytes()[:3000])
    with pytest.raises(InputError, match=rf"^{broken}: .*; replace or remove it"):
        encoded(read_gallery(folder, None, "test", None), replace(card, gallery_view=view))


@pytest.mark.parametrize("changes", [{"gallery_view": []}, {"target_layer": []}])
def test_a_model_without_views_or_layers(card, gallery, changes):
    with pytest.raises(InputError, match="the model names no view or no layer of the images; train it again"):
        encoded(gallery, replace(card, **changes))


@pytest.mark.parametrize("changes", [{"model": 3}, {"models": ["x"]}, {"model": None}])
def test_a_model_that_does_not_say_what_made_its_features(card, gallery, changes):
    with pytest.raises(InputError, match=r"does not say which model made its features; .*--features-model"):
        encoded(gallery, replace(card, features=card.features | changes))
