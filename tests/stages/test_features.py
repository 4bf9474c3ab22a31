"""Stage `features`: from images, views and captions to a feature bank, or to one line that says what is wrong."""

import errno

import numpy as np
import pytest
import yaml

from pipeline_lib.captioning.table import caption_table, write_captions
from pipeline_lib.common.errors import InputError
from pipeline_lib.features.bank import BankWriter, open_bank
from stages.features import main
from tests.captioning.small_study import write_study
from tests.features.tiny_models import slip_state, write_slip
from tests.features.view_stores import write_views


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("study")
    ids = write_study(path).frame["image_id"].tolist()
    write_slip(path / "slip", slip_state())
    write_views(path / "vse.zarr.zip", ids, shade=lambda row: 20 * row)
    write_views(path / "empty.zarr.zip", [], shade=int)
    write_captions(caption_table(ids, [f"picture {row}" for row in range(6)], source="label"), path / "captions.csv")
    write_captions(caption_table([], [], source="none"), path / "none.csv")
    (path / "own").mkdir()
    np.save(path / "own" / "features.npy", np.eye(6))
    (path / "own" / "images.txt").write_text("\n".join(reversed(ids)))
    return path


@pytest.fixture
def run(folder, params, tmp_path):
    """Run the stage with changes of its section and inputs; returns the output's path."""

    def stage(store="vse.zarr.zip", captions="captions.csv", role="slip", **values):
        params["features"].update({"models": str(folder), "model": role, "device": "cpu", **values})
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
        out = tmp_path / "out" / "slip-b16.h5"
        main(
            stimuli=folder / "stimuli.csv",
            images=folder / "images",
            views=folder / store,
            captions=folder / captions,
            out=out,
            params_file=tmp_path / "params.yaml",
        )
        return out

    return stage


def test_views_and_captions_become_one_bank(run, capsys):
    out = run()
    with open_bank(out) as bank:
        assert bank.datasets() == ["raw/final", "text/final", "vse/final"]
        assert bank.read("text/final", bank.image_ids).shape == (6, 24)
        assert bank.attributes["captions"] == "label"
    assert capsys.readouterr().out == (
        f"features: 6 images, slip (raw/final 24-d, vse/final 24-d, text/final 24-d) -> {out}\n"
    )


def test_every_view_and_layer_asked_for_is_in_the_bank(run):
    made, layers = ["raw", "blur-low", "noise"], ["final", "mean-0.5", "both-2"]
    with open_bank(run(views=made, layers=layers, batch_size=4, store="nowhere")) as bank:
        assert bank.datasets() == sorted([f"{view}/{layer}" for view in made for layer in layers] + ["text/final"])
        assert bank.read("noise/both-2", bank.image_ids).shape == (6, 96)
        assert np.abs(bank.read("raw/final", bank.image_ids) - bank.read("noise/final", bank.image_ids)).max() > 1e-3


def test_same_input_same_bytes(run):
    assert run().read_bytes() == run().read_bytes()


def test_without_captions_there_is_no_text(run):
    with open_bank(run(captions="none.csv")) as bank:
        assert bank.datasets() == ["raw/final", "vse/final"]


def test_without_stored_views_no_store_is_needed(run):
    with open_bank(run(store="nowhere", views=["raw"], dtype="float16")) as bank:
        assert bank.datasets() == ["raw/final", "text/final"]


def test_ready_features_need_neither_model_nor_views(run):
    with open_bank(run(role="own", captions="none.csv", store="nowhere", views=["raw"])) as bank:
        assert bank.datasets() == ["raw/final"]
        assert np.array_equal(bank.read("raw/final", bank.image_ids), np.eye(6)[::-1])


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"store": "empty.zarr.zip"}, r"empty\.zarr\.zip holds no views; set vse\.enabled to true"),
        ({"store": "gone.zarr.zip"}, r"gone\.zarr\.zip: no such file"),
        ({"captions": "gone.csv"}, r"gone\.csv: no such caption table; run 'dvc repro caption' first"),
        ({"role": "gone"}, r"features: .*gone holds neither model\.yaml nor features\.npy"),
        ({"role": "own", "views": ["raw"]}, r"set caption\.source to none"),
        ({"layers": ["block-3"]}, r"features\.layers is 'block-3', allowed: final"),
        (
            {"layers": ["mean-3"]},
            r"allowed: final, class-1\.\.class-2, .* or a fraction of the depth such as mean-0\.75",
        ),
    ],
)
def test_nothing_is_left_after_an_error(run, tmp_path, inputs, message):
    with pytest.raises(InputError, match=message):
        run(**inputs)
    assert not (tmp_path / "out").exists()


def test_nothing_is_left_after_an_error_on_the_way(run, tmp_path, folder):
    path = next((folder / "images").rglob("*02b.png"))
    whole = path.read_bytes()
    try:
        path.write_bytes(b"no picture")
        with pytest.raises(InputError, match=path.name):
            run()
    finally:
        path.write_bytes(whole)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_full_disk_is_one_line(run, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "Can't close file")

    monkeypatch.setattr(BankWriter, "write_rows", full)
    with pytest.raises(InputError, match=r"slip-b16.h5: no space left on the device; make room and start again"):
        run()
