"""Stage `vse`: from the table and the pictures to the view store."""

import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from pipeline_lib.common.cli import run_stage
from pipeline_lib.common.stimulus_table import COLUMNS
from pipeline_lib.stimuli.views import open_views
from stages.vse import main


@pytest.fixture
def study(tmp_path, params):
    """A table of three pictures, the pictures, and a function that writes params.yaml and gives the options."""
    rng = np.random.default_rng(0)
    rows = [("train/a", "train/a.png", "x", "train", 1), ("test/b", "test/b.png", "y", "test", 1)]
    rows.append(("center/c", "center/c.png", "y", "center", 0))
    for _, file, *_ in rows:
        path = tmp_path / "images" / file
        path.parent.mkdir(parents=True)
        Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(path)
    pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(tmp_path / "stimuli.csv", index=False)

    def options(name="vse.zarr.zip", **changes):
        params["vse"] |= {"size": 16} | changes
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
        paths = {"stimuli": "stimuli.csv", "images": "images", "out": f"views/{name}", "params_file": "params.yaml"}
        return {option: tmp_path / path for option, path in paths.items()}

    return options


def test_the_store_holds_every_image_of_the_table(study, capsys):
    options = study()
    main(**options)
    with open_views(options["out"]) as views:
        assert views.image_ids == ["train/a", "test/b", "center/c"]
        assert views.read(["test/b"]).shape == (1, 16, 16, 3)
    assert capsys.readouterr().out == f"vse: 3 images, 16 px -> {options['out']}\n"
    assert [path.name for path in options["out"].parent.iterdir()] == ["vse.zarr.zip"]


def test_twice_the_same_bytes(study):
    first, second = study("a.zarr.zip"), study("b.zarr.zip")
    main(**first)
    main(**second)
    assert first["out"].read_bytes() == second["out"].read_bytes()


def test_a_parameter_changes_the_views(study):
    first, second = study("a.zarr.zip"), study("b.zarr.zip")
    main(**first)
    study(eta=-0.5)
    main(**second)
    assert first["out"].read_bytes() != second["out"].read_bytes()


def test_native_size_is_said(study, capsys):
    main(**study(size=None))
    assert "3 images, native size ->" in capsys.readouterr().out


def test_switched_off_it_writes_an_empty_store_without_images(study, tmp_path, capsys):
    options = study(enabled=False) | {"images": tmp_path / "none"}
    main(**options)
    with open_views(options["out"]) as views:
        assert views.image_ids == []
    assert capsys.readouterr().out.startswith("vse: off, an empty store ->")


@pytest.mark.parametrize(
    ("changes", "damage", "message"),
    [
        ({}, "images/test/b.png", "b.png: not an image"),
        ({"scales": [0]}, None, "vse.scales.0 is 0"),
        ({"etta": 1}, None, "unknown parameter vse.etta (value 1); did you mean 'eta'?"),
    ],
)
def test_bad_input_is_one_line_with_nothing_written(study, tmp_path, capsys, monkeypatch, changes, damage, message):
    options = study(**changes)
    if damage:
        (tmp_path / damage).write_text("no picture")
    command = [f"--{name.replace('_', '-')}={path}" for name, path in options.items()]
    monkeypatch.setattr(sys, "argv", ["vse", *command])
    with pytest.raises(SystemExit) as caught:
        run_stage(main)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not options["out"].parent.exists() or list(options["out"].parent.iterdir()) == []
