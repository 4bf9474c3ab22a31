"""A run folder is written whole, rebuilds the same model, and is refused when damaged."""

import json
import subprocess
import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from pipeline_lib.common.errors import InputError
from pipeline_lib.features.bank import BankWriter, open_bank
from pipeline_lib.recordings.fitted import Fitted, load_fitted, save_fitted
from pipeline_lib.recordings.stored_rows import StoredRows
from pipeline_lib.training.run import RunInputs, train_run
from pipeline_lib.training.run_folder import load_run
from tests.recordings.older_store import without_fitted
from tests.training.conftest import VIEWS, inputs_of, make_settings, write_subject

ATTRIBUTES = {"model": "slip", "models": "data/models", "architecture": "ViT", "vse": '{"size": 64}'}


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


@pytest.mark.parametrize("name", ["model.safetensors", "model.json", "params.yaml", "preprocessing.safetensors"])
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
    with pytest.raises(InputError, match=r"weights do not fit the model: tensor image_branch\S* is .* of shape"):
        load_run(run)


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("logit_scale.raw", None, "tensor logit_scale.raw is missing"),
        ("more", torch.zeros(2), "tensor more is none of its"),
        ("logit_scale.raw", torch.zeros((), dtype=torch.float64), r"is torch.float64 of shape \(\), expected torch.fl"),
        ("logit_scale.raw", torch.zeros(2), r"of shape \(2,\), expected torch.float32 of shape \(\)"),
        ("logit_scale.raw", torch.tensor(torch.nan), "tensor logit_scale.raw is not finite"),
    ],
)
def test_a_wrong_tensor_is_named(run, name, change, says):
    weights = load_file(run / "model.safetensors")
    changed = {key: value for key, value in weights.items() if key != name} | ({} if change is None else {name: change})
    save_file(changed, run / "model.safetensors")
    with pytest.raises(InputError, match=says):
        load_run(run)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "must hold 'section: values' pairs"),
        ("a: [", "not valid YAML"),
        (b"\xff\xfe\xff", "not valid YAML"),
        ("[" * 100_000, "not valid YAML"),
        ("encoder: {}", "section 'target' is missing"),
    ],
)
def test_parameters_that_are_none_are_one_line(run, content, says):
    (run / "params.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=rf"params\.yaml: {says}"):
        load_run(run)


@pytest.mark.parametrize(
    ("section", "key", "value", "says"),
    [
        ("encoder", "name", "magic", "encoder.name is 'magic'"),
        ("encoder", "diim", 3, "unknown parameter encoder.diim"),
        ("encoder", "dim", 17, "weights do not fit the model"),
        ("encoder", "dim", 10**12, "no model of .* can be built|weights do not fit"),
        ("loss", "objectives", "all", "loss.objectives is 'all'"),
    ],
)
def test_parameters_of_another_model_are_named(run, section, key, value, says):
    values = yaml.safe_load((run / "params.yaml").read_text())
    values[section][key] = value
    (run / "params.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(InputError, match=says):
        load_run(run)


def test_a_damaged_folder_loads_or_is_one_line(run):
    """Files cut off, emptied, or with some bytes changed, each in turn."""
    rng, refused = np.random.default_rng(0), []
    for path in [file for file in run.iterdir() if file.name != "history.csv"]:
        whole = path.read_bytes()
        spoilt = [whole[: len(whole) * part // 7] for part in range(7)]
        for _ in range(20):
            changed = bytearray(whole)
            changed[rng.integers(min(len(whole), 2000))] = rng.integers(256)
            spoilt.append(bytes(changed))
        for content in spoilt:
            path.write_bytes(content)
            try:
                load_run(run)
            except InputError as error:
                refused.append(str(error))
        path.write_bytes(whole)
    assert len(refused) > 30
    assert all(message.startswith(str(run)) and "\n" not in message for message in refused)
    load_run(run)


def test_the_folder_says_how_data_and_features_were_treated(study, settings, tmp_path):
    """Of each training subject what was fitted, and of the bank how other images are encoded."""
    stores = {}
    for seed, subject in enumerate(("sub-02", "sub-01")):
        fitted = Fitted({1: np.eye(12) * (seed + 1)}, np.zeros(12), np.ones(12), {1: ["x.fif"], 2: ["y.fif"]})
        stores[subject] = tmp_path / f"{subject}.zarr.zip"
        features = np.random.default_rng(1).normal(size=(70, 8))
        provenance = {"layout": "bids", "closed_set": False, "preprocess": {"sfreq": 100.0}, "dropped": {"x": seed}}
        types = ["eeg"] * 12
        write_subject(stores[subject], features, seed=seed, fitted=fitted, provenance=provenance, ch_types=types)
    with BankWriter(tmp_path / "bank.h5", ids_of(study), dtype="float32", attributes=ATTRIBUTES) as writer:
        writer.write("raw/final", np.ones((70, 8)))
        writer.write("text/final", np.ones((70, 5)))
    inputs = RunInputs("inter", "sub-03", stores, tmp_path / "bank.h5", study.stimuli)
    train_run(inputs, settings, n_epochs=1, seed=0, out=tmp_path / "run")
    card = load_run(tmp_path / "run")[1]
    assert (card.ch_types, card.window) == (["eeg"] * 12, None)
    assert card.preprocessing == {
        "layout": "bids",
        "closed_set": False,
        "preprocess": {"sfreq": 100.0},
        "sessions": {subject: {"1": ["x.fif"], "2": ["y.fif"]} for subject in ("sub-02", "sub-01")},
    }
    assert card.features["vse"] == {"size": 64}
    assert card.features["models"] == "data/models"
    assert set(card.versions) == {"trialign", "torch", "numpy", "python"}
    assert set(card.metrics) == {"loss", "samples", "n", "top1", "top5"}
    for scale, subject in ((1, "sub-02"), (2, "sub-01")):
        found = load_fitted(tmp_path / "run", subject, n_channels=12)
        assert np.array_equal(found.matrices[1], np.eye(12) * scale)
        assert found.sessions == {1: ["x.fif"], 2: ["y.fif"]}


def ids_of(study):
    with open_bank(study.features) as bank:
        return bank.image_ids


def test_whitening_of_another_number_of_channels_is_refused(run):
    save_fitted(run, {"sub-01": Fitted({1: np.eye(3)})})
    with pytest.raises(InputError, match=r"preprocessing\.safetensors: whitening/sub-01/1 is .*shape \(12, 12\)"):
        load_run(run)


def test_whitening_of_somebody_else_is_refused(run):
    save_fitted(run, {"sub-07": Fitted()})
    with pytest.raises(InputError, match=r"preprocessing\.safetensors: subject is 'sub-01', allowed: sub-07"):
        load_run(run)


def test_a_store_of_an_older_version_is_not_trained_on(study, settings, tmp_path, unread):
    older = without_fitted(study.store("sub-01"), tmp_path / "older.zarr.zip")
    inputs = replace(inputs_of(study), stores={"sub-01": older})
    with pytest.raises(InputError, match=r"older\.zarr\.zip: an epochs store of an older version.*'dvc repro'"):
        train_run(inputs, settings, n_epochs=1, seed=0, out=tmp_path / "run")


def test_people_who_were_preprocessed_differently_are_not_mixed(study, settings, tmp_path, unread):
    features = np.random.default_rng(1).normal(size=(70, 8))
    other = tmp_path / "sub-02.zarr.zip"
    write_subject(other, features, seed=1, provenance={"layout": "bids", "preprocess": {"baseline": "none"}})
    inputs = replace(inputs_of(study), stores={"sub-01": study.store("sub-01"), "sub-02": other})
    with pytest.raises(InputError, match=r"sub-02\.zarr\.zip: study or preprocess parameters differ from .*sub-01"):
        train_run(inputs, settings, n_epochs=1, seed=0, out=tmp_path / "run")


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


def test_training_needs_no_library_of_recordings_pictures_or_image_models():
    program = "import sys, stages.train; print(sorted({'mne', 'cv2', 'open_clip', 'transformers'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
