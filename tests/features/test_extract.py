"""Features of a study's images, views and captions."""

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline_lib.captioning.table import caption_table
from pipeline_lib.common.errors import InputError
from pipeline_lib.common.params import validated
from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.features import shown
from pipeline_lib.features.extract import model_source
from pipeline_lib.features.load import load_model
from pipeline_lib.features.params import FeaturesParams
from pipeline_lib.stimuli.images import read_image, resize_and_crop, with_image
from pipeline_lib.stimuli.made_views import MADE_VIEWS, made_view
from pipeline_lib.stimuli.params import ViewsParams
from tests.captioning.small_study import write_study
from tests.features.tiny_models import slip_state, write_slip
from tests.features.view_stores import write_views

TEXTS = ["a red star", "a blue circle", "a red star", "", "a red star", "a blue circle"]
NO_CAPTIONS = caption_table([], [], source="none")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def table(folder):
    return write_study(folder)


@pytest.fixture(scope="module")
def ids(table):
    return table.frame["image_id"].tolist()


@pytest.fixture(scope="module")
def model(folder):
    return load_model(write_slip(folder / "slip", slip_state()), torch.device("cpu"))


@pytest.fixture(scope="module")
def pictures(folder, table):
    return [read_image(folder / "images" / file) for file in table.frame["file"]]


@pytest.fixture
def view_params(params):
    """Section `views` for small pictures."""
    params["views"].update(size=40, lowres={"size": 8})
    return validated(params, "views", ViewsParams)


@pytest.fixture
def features(params, view_params, folder, table, model, tmp_path):
    """The datasets of the study, by name, with changes of the section `features`."""

    def made(captions=NO_CAPTIONS, store=folder / "vse.zarr.zip", stimuli=table, **values):
        params["features"].update({"models": str(folder), "model": "slip", "device": "cpu", **values})
        section = validated(params, "features", FeaturesParams)
        source = model_source(
            section,
            stimuli,
            images=folder / "images",
            views=store,
            captions=captions,
            made_views=view_params,
            out=tmp_path / "bank.h5",
        )
        made = whole(source.rows)
        source.discard()
        return source.attributes, made

    return made


def whole(rows):
    """Every dataset in one piece; its rows come one after the other."""
    parts = {}
    for dataset, start, values in rows:
        assert start == sum(map(len, parts.setdefault(dataset, [])))
        parts[dataset].append(values)
    return {dataset: np.concatenate(values) for dataset, values in parts.items()}


def encoded(model, pictures, layer="final"):
    return model.encode_layers(model.preprocess(pictures), [layer])[layer].numpy()


@pytest.mark.parametrize("size", [1, 4, 5])
def test_batch_size_does_not_matter(features, ids, size, tmp_path):
    store = write_views(tmp_path / "views.zarr.zip", ids, shade=lambda place: 30 * place)
    asked = {"views": ["raw", "vse", *MADE_VIEWS], "layers": ["final", "mean-1", "both-1.0"], "store": store}
    captions = caption_table(ids, TEXTS, source="blip2")
    _, expected = features(captions, **asked, batch_size=6)
    _, found = features(captions, **asked, batch_size=size)
    assert expected["raw/final"].std(axis=0).min() > 1e-3
    assert len(expected) == 25
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-5, rtol=1e-5)


def test_rows_follow_the_images(features, table):
    order = [3, 0, 5, 1, 2, 4]
    shuffled = StimulusTable(table.frame.iloc[order].reset_index(drop=True))
    asked = {"views": ["raw", "noise"], "layers": ["final", "class-1"], "batch_size": 4}
    _, expected = features(**asked)
    for name, values in features(**asked, stimuli=shuffled)[1].items():
        np.testing.assert_allclose(values, expected[name][order], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("view", MADE_VIEWS)
def test_made_views_are_those_of_the_cropped_images(features, model, view_params, ids, pictures, view):
    _, made = features(views=[view], layers=["final", "mean-0.5"])
    squares = [resize_and_crop(rgb, 40) for rgb in pictures]
    expected = [made_view(view, *one, view_params) for one in zip(squares, ids, strict=True)]
    assert set(made) == {f"{view}/final", f"{view}/mean-0.5"}
    for layer in ("final", "mean-0.5"):
        np.testing.assert_allclose(made[f"{view}/{layer}"], encoded(model, expected, layer), atol=1e-5)
    assert np.abs(made[f"{view}/final"] - encoded(model, squares)).max() > 1e-3


def test_each_file_is_decoded_once_and_each_view_encoded_once(features, model, ids, monkeypatch):
    decoded, passes, encode = [], [], type(model).encode_layers

    def watched(self, pixels, layers):
        passes.append(len(pixels))
        return encode(self, pixels, layers)

    monkeypatch.setattr(shown, "with_image", lambda path, use: decoded.append(path) or with_image(path, use))
    monkeypatch.setattr(type(model), "encode_layers", watched)
    captions = caption_table(ids, TEXTS, source="blip2")
    features(captions, views=["raw", *MADE_VIEWS], layers=["final", "class-1", "mean-1"], batch_size=6)
    assert len(decoded) == len(set(decoded)) == 6
    assert passes == [6] * 7


def test_a_stored_view_needs_no_image_files(features, ids, tmp_path, monkeypatch):
    monkeypatch.setattr(shown, "with_image", None)
    store = write_views(tmp_path / "views.zarr.zip", ids, shade=lambda place: 30 * place)
    assert set(features(views=["vse"], store=store)[1]) == {"vse/final"}


def test_the_header_says_how_views_and_layers_were_made(features):
    attributes, _ = features(views=["raw", "mosaic"], layers=["final", "mean-0.5", "class-2"])
    assert attributes["layers"] == "mean-0.5 behind block 1, class-2 behind block 2 of 2, before the final norm"
    assert '"mosaic":{"block":5}' in attributes["views"]
    plain, _ = features(views=["raw"], layers=["final"])
    assert {"layers", "views"}.isdisjoint(plain)


def test_a_text_that_repeats_is_encoded_once(features, model, ids, monkeypatch):
    asked, encode = [], type(model).encode_texts

    def watched(self, texts):
        asked.extend(texts)
        return encode(self, texts)

    monkeypatch.setattr(type(model), "encode_texts", watched)
    result = features(caption_table(ids, TEXTS, source="blip2"), batch_size=2, views=["raw"])[1]["text/final"]
    assert asked == ["a red star", "a blue circle", ""]
    assert np.array_equal(result[[0, 2, 4]], np.stack([result[0]] * 3))


def test_raw_features_are_those_of_the_files_unnormalised(features, model, pictures):
    attributes, made = features(views=["raw"])
    assert set(made) == {"raw/final"}
    np.testing.assert_allclose(made["raw/final"], model.encode_images(model.preprocess(pictures)), atol=1e-5)
    assert np.ptp(np.linalg.norm(made["raw/final"], axis=1)) > 1e-2
    assert attributes["normalization"] == "none"
    assert attributes["model"] == "slip"
    assert attributes["revision"] == f"sha256:{model.revision}"
    assert attributes["code"].startswith("trialign")
    assert "mean [0.485, 0.456, 0.406]" in attributes["preprocessing"]


def test_stored_views_are_joined_by_id(features, model, ids, tmp_path):
    store = write_views(tmp_path / "views.zarr.zip", ids[::-1], shade=lambda place: 200 - 30 * place)
    _, made = features(views=["vse", "raw"], store=store)
    assert set(made) == {"vse/final", "raw/final"}
    greys = [np.full((20, 20, 3), 200 - 30 * place, dtype=np.uint8) for place in reversed(range(6))]
    np.testing.assert_allclose(made["vse/final"], encoded(model, greys), atol=1e-5)


def test_captions_are_joined_by_id(features, model, ids):
    captions = caption_table(ids[::-1], TEXTS, source="blip2", model="tiny")
    attributes, made = features(captions, views=["raw"])
    np.testing.assert_allclose(made["text/final"], model.encode_texts(TEXTS[::-1]), atol=1e-5)
    assert attributes["captions"] == "blip2 tiny"


def test_an_image_without_caption_is_named_before_anything_is_computed(features, ids):
    with pytest.raises(InputError, match=f"captions: 1 image ids are missing: {ids[5]}"):
        features(caption_table(ids[:5], TEXTS[:5], source="blip2"), views=["raw"], model="nowhere")


def test_an_image_without_view_is_named(features, ids, tmp_path):
    store = write_views(tmp_path / "views.zarr.zip", ids[1:], shade=lambda place: place)
    with pytest.raises(InputError, match=rf"views\.zarr\.zip: 1 image ids are missing: {ids[0]}"):
        features(views=["vse"], store=store)


def test_an_empty_view_store_says_how_to_fill_it(features, tmp_path):
    store = write_views(tmp_path / "views.zarr.zip", [], shade=int)
    with pytest.raises(
        InputError, match=r"holds no views; set vse\.enabled to true, or take vse out of features\.views"
    ):
        features(views=["vse"], store=store)
    assert set(features(views=["raw"], store=store)[1]) == {"raw/final"}


def test_an_image_that_does_not_decode_is_named(features, folder, table):
    path = folder / "images" / table.frame["file"][2]
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:200])
        with pytest.raises(InputError, match=path.name):
            features(views=["raw"])
    finally:
        path.write_bytes(whole)


def test_an_image_too_narrow_for_a_square_is_named(features, folder, table):
    path = folder / "images" / table.frame["file"][1]
    whole = path.read_bytes()
    try:
        Image.new("RGB", (120_000, 1)).save(path)
        with pytest.raises(InputError, match=f"{path.name}: 4800000 x 40 pixels are too many"):
            features(views=["mosaic"])
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"layers": ["final", "block-3"]}, r"features\.layers is 'block-3', allowed: final"),
        (
            {"layers": ["class-3"]},
            r"features\.layers is 'class-3', allowed: final, class-1\.\.class-2, mean-1\.\.mean-2",
        ),
        ({"layers": ["final", "final"]}, r"features\.layers is .*named more than once: final"),
        ({"views": ["raw", "raw"]}, r"features\.views is .*named more than once: raw"),
        ({"layers": []}, r"features\.layers"),
        ({"views": ["raw", "blur-lo"]}, r"features\.views\.1 is 'blur-lo'.*'noise'; did you mean 'blur-low'"),
        ({"views": []}, r"features\.views"),
        ({"model": "../evil"}, r"features\.model is '\.\./evil'"),
        ({"dtype": "bfloat16"}, r"features\.dtype"),
        ({"batch_size": 0}, r"features\.batch_size is 0"),
        ({"bacth_size": 1}, "did you mean 'batch_size'"),
    ],
)
def test_a_wrong_parameter_is_named(features, values, message):
    with pytest.raises(InputError, match=message):
        features(**{"views": ["raw"], **values})


def test_a_gpu_that_is_not_there(features, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"features\.device is 'cuda', but torch finds no GPU here"):
        features(views=["raw"], device="cuda")


def test_the_shipped_section_is_valid(params):
    assert validated(params, "features", FeaturesParams).views == ("raw", "vse")
