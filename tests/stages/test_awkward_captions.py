"""Captions are data: from the user's own table through stages caption and features, and back, nothing is changed."""

import csv

import numpy as np
import pytest
import torch
import yaml

from pipeline_lib.captioning.table import read_captions
from pipeline_lib.features.bank import open_bank
from pipeline_lib.features.load import load_model
from stages.caption import main as caption
from stages.features import main as features
from tests.captioning.small_study import write_study
from tests.features.tiny_models import slip_state, write_slip

TEXTS = [
    "",
    "a \"red\", 'star', = 1 + 1;\ttab, back\\slash and {concept}",
    "two lines\nand\r\nmore\rof them\u2028here",
    "🦊 <script>alert('狐')</script> &amp; <b>",
    "a zero \0 byte",
    "very long " * 20_000,
]
TABLE_NAME = 'my "captions", <b>🦊.csv'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("study")
    write_study(path)
    write_slip(path / "slip", slip_state())
    return path


@pytest.fixture
def ids(folder):
    with (folder / "stimuli.csv").open(newline="") as file:
        return [row["image_id"] for row in csv.DictReader(file)]


@pytest.fixture
def run(folder, params, tmp_path, ids):
    """Both stages on texts, one for each image; the caption table and the bank."""

    def stages(texts):
        own = tmp_path / TABLE_NAME
        with own.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows(
                [("image", "caption"), *zip(reversed(ids), reversed(texts), strict=True)]
            )
        params["caption"] |= {"source": "file", "path": str(own)}
        params["features"] |= {"models": str(folder), "model": "slip", "views": ["raw"], "device": "cpu"}
        paths = {
            "stimuli": folder / "stimuli.csv",
            "images": folder / "images",
            "params_file": tmp_path / "params.yaml",
        }
        paths["params_file"].write_text(yaml.safe_dump(params))
        captions, bank = tmp_path / "captions.csv", tmp_path / "slip.h5"
        caption(**paths, out=captions)
        features(**paths, views=folder / "nowhere", captions=captions, out=bank)
        return captions, bank

    return stages


def test_every_text_comes_back_as_it_was(run, ids):
    captions, _ = run(TEXTS)
    assert read_captions(captions).texts(ids) == TEXTS
    with captions.open(newline="", encoding="utf-8") as file:  # and for whoever reads it with other means
        csv.field_size_limit(1 << 20)
        assert [row["text"] for row in csv.DictReader(file)] == TEXTS


def test_every_text_is_encoded_as_it_is(run, folder, ids):
    _, path = run(TEXTS)
    model = load_model(folder / "slip", torch.device("cpu"))
    with open_bank(path) as bank:
        for image_id, text in zip(ids, TEXTS, strict=True):
            expected = model.encode_texts([text]).numpy()
            np.testing.assert_allclose(bank.read("text/final", [image_id]), expected, atol=1e-5)


def test_the_name_of_the_table_stands_in_the_header(run):
    captions, path = run(TEXTS)
    assert set(read_captions(captions).frame["model"]) == {TABLE_NAME}
    with open_bank(path) as bank:
        assert bank.attributes["captions"] == f"file {TABLE_NAME}"


def test_only_empty_texts_are_captions_too(run, ids):
    captions, path = run([""] * 6)
    assert read_captions(captions).texts(ids) == [""] * 6
    with open_bank(path) as bank:
        text = bank.read("text/final", ids)
    assert np.isfinite(text).all()
    assert (text == text[0]).all()
