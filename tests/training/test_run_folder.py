"""A run folder is written whole, rebuilds the same model, and is refused when damaged."""

import json
from dataclasses import replace

import h5py
import pytest
import torch

from pipeline_lib.common.errors import InputError
from pipeline_lib.features.bank import BankWriter
from pipeline_lib.recordings.stored_rows import StoredRows
from pipeline_lib.training.run import train_run
from pipeline_lib.training.run_folder import load_run
from tests.training.conftest import VIEWS, inputs_of, make_settings


@pytest.fixture
def run(study, settings, tmp_path):
    out = tmp_path / "sub-01-seed0"
    train_run(inputs_of(study), settings, n_epochs=3, seed=0, out=out)
    return out


def test_a_run_is_five_files(run):
    assert sorted(path.name for path in run.iterdir()) == [
        "history.csv",
        "model.json",
        "model.safetensors",
        "params.yaml",
        "preprocessing.safetensors",
    ]
    assert [path.name for path in run.parent.iterdir()] == ["sub-01-seed0"]


def test_the_same_seed_writes_the_same_bytes(run, study, settings, tmp_path):
    again = tmp_path / "again"
    train_run(inputs_of(study), settings, n_epochs=3, seed=0, out=again)
    for path in run.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes()


def test_the_model_comes_back_with_what_it_means(run, settings):
    model, card, params = load_run(run)
    assert not model.training
    assert card.trained_on == ["sub-01"]
    assert (card.target_view, card.target_layer) == ("raw", "final")
    assert card.shapes.text_dim == 5
    assert params["loss"]["balancer"] == settings.loss.balancer
    epochs = torch.zeros(3, card.shapes.n_channels, 1)
    assert model.embed_brain(model.encoder.prepare(epochs)).shape == (3, 16)


def test_inter_subject_runs_name_who_was_left_out(study, settings, tmp_path):
    line = train_run(inputs_of(study, "inter", ("sub-02",)), settings, n_epochs=2, seed=0, out=tmp_path / "run")
    _, card, _ = load_run(tmp_path / "run")
    assert (card.protocol, card.subject, card.trained_on) == ("inter", "sub-01", ["sub-02"])
    assert "inter sub-01 seed 0" in line


@pytest.mark.parametrize("name", ["model.safetensors", "model.json", "params.yaml"])
def test_a_missing_file_is_named(run, name):
    (run / name).unlink()
    with pytest.raises(InputError, match=name):
        load_run(run)


def test_another_format_is_refused(run):
    described = json.loads((run / "model.json").read_text())
    (run / "model.json").write_text(json.dumps({**described, "format": 99}))
    with pytest.raises(InputError, match="not a model of format 3"):
        load_run(run)


def test_weights_of_another_shape_are_refused(run):
    described = json.loads((run / "model.json").read_text())
    described["shapes"]["image_dim"] += 1
    (run / "model.json").write_text(json.dumps(described))
    with pytest.raises(InputError, match="weights do not fit"):
        load_run(run)


@pytest.fixture
def unread(monkeypatch):
    """No response may be read."""
    monkeypatch.setattr(StoredRows, "blocks", lambda _: pytest.fail("responses were read"))


def test_text_objectives_without_captions_are_refused_before_responses_are_read(
    study, settings, tmp_path, monkeypatch, unread
):
    monkeypatch.setattr("pipeline_lib.training.targets.TEXT_DATASET", "text/none")
    with pytest.raises(InputError, match=r"loss.objectives: image-text, guidance needs.*caption.source"):
        train_run(inputs_of(study), settings, n_epochs=2, seed=0, out=tmp_path / "no-text")
    assert not (tmp_path / "no-text").exists()


@pytest.mark.parametrize(
    ("section", "change", "says"),
    [
        ("loss", {"objectives": ["adapter-consistency"]}, "there is no adapter; set encoder.heads.text"),
        ("target", {"view": "vse"}, "target.view is 'vse', allowed: raw; add it to features.views"),
        ("target", {"view": ["raw", "vse"]}, "target.view is 'vse', allowed: raw; add it to features.views"),
        ("target", {"gallery_view": "vse"}, "target.gallery_view is 'vse', allowed: raw; add it to features.views"),
        ("target", {"gallery_view": "text"}, "target.gallery_view is 'text', allowed: raw; add"),
        (
            "target",
            {"layer": "mean-3"},
            "view raw: target.layer is 'mean-3', allowed: final; add it to features.layers",
        ),
        ("target", {"layer": ["final", "mean-3"]}, "target.layer is 'mean-3', allowed: final; add"),
    ],
)
def test_what_the_bank_or_the_model_lacks_is_named_before_responses_are_read(
    study, params, settings, tmp_path, unread, section, change, says
):
    params[section].update(change)
    with pytest.raises(InputError, match=says):
        train_run(inputs_of(study), make_settings(params), n_epochs=2, seed=0, out=tmp_path / "run")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "searched"),
    [
        ({"view": "sharp"}, "sharp"),
        ({"view": list(VIEWS)}, list(VIEWS)),
        ({"view": list(VIEWS), "views": "uncertainty"}, "medium"),
        ({"view": list(VIEWS[:2]), "views": "uncertainty"}, "medium"),
        ({"view": list(VIEWS), "views": "uncertainty", "gallery_view": "raw"}, "raw"),
    ],
)
def test_the_card_names_the_views_of_training_and_of_the_galleries(
    views_study, params, settings, tmp_path, change, searched
):
    params["target"].update(change)
    train_run(inputs_of(views_study), make_settings(params), n_epochs=1, seed=0, out=tmp_path / "run")
    card = load_run(tmp_path / "run")[1]
    assert (card.target_view, card.gallery_view) == (change["view"], searched)
    assert card.target_views == change.get("views", "mean")


def test_a_person_is_known_by_their_row_among_the_training_subjects(study, settings, tmp_path):
    train_run(inputs_of(study, "inter", ("sub-02", "sub-01")), settings, n_epochs=1, seed=0, out=tmp_path / "run")
    _, card, _ = load_run(tmp_path / "run")
    assert [card.training_row(name) for name in ("sub-02", "sub-01", "sub-03")] == [0, 1, None]
    assert card.shapes.n_subjects == 2


def test_several_layers_are_trained_on_and_come_back(study, params, settings, tmp_path):
    with h5py.File(study.features) as bank:
        ids, features = [name.decode() for name in bank["image_id"]], bank["raw/final"][:]
    with BankWriter(tmp_path / "bank.h5", ids, dtype="float32", attributes={}) as writer:
        writer.write("raw/early", features[:, ::-1])
        writer.write("raw/late", features)
    params["target"]["layer"] = ["early", "late"]
    params["loss"]["objectives"] = ["brain-image"]
    inputs = replace(inputs_of(study), features=tmp_path / "bank.h5")
    train_run(inputs, make_settings(params), n_epochs=1, seed=0, out=tmp_path / "run")
    _, card, _ = load_run(tmp_path / "run")
    assert (card.target_layer, card.shapes.n_layers, card.shapes.image_dim) == (["early", "late"], 2, 8)
