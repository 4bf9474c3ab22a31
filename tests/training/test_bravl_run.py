"""BraVL through the same training run as every other model: run folder, resume, and no look at the test partition."""

import h5py
import pytest
import torch

from pipeline_lib.common.errors import InputError
from pipeline_lib.features.bank import BankWriter
from pipeline_lib.recordings.store import open_store
from pipeline_lib.training.bravl_model import BravlModel
from pipeline_lib.training.run import RunInputs, train_run
from pipeline_lib.training.run_folder import load_run
from tests.training.bravl_study import made_bravl
from tests.training.conftest import DIM, N_TRAIN, inputs_of, made_study, make_settings, trainer_of, write_subject
from tests.training.test_checkpoints import assert_goes_on, interrupted, same_run  # noqa: F401


def bank_with(study, path, changed):
    """The study's bank with other features of the images whose number `changed` accepts."""
    with h5py.File(study.features) as bank:
        ids = [name.decode() for name in bank["image_id"]]
        rows = [row for row, name in enumerate(ids) if changed(int(name.removeprefix("image")))]
        with BankWriter(path, ids, dtype="float32", attributes={}) as writer:
            for name in ("raw/final", "text/final"):
                features = bank[name][:]
                features[rows] = 100 - 7 * features[rows]
                writer.write(name, features)
    return path


@pytest.fixture
def trained(study, params, settings, tmp_path):
    """Train for three epochs on some files; returns weights and history."""

    def train(name, features=None, epochs=None):
        stores = {"sub-01": epochs or study.store("sub-01")}
        inputs = RunInputs("intra", "sub-01", stores, features or study.features, study.stimuli)
        train_run(inputs, make_settings(made_bravl(params)), n_epochs=3, seed=0, out=tmp_path / name)
        return {file: (tmp_path / name / file).read_bytes() for file in ("model.safetensors", "history.csv")}

    return train


def test_test_images_and_texts_change_nothing_that_is_trained(study, trained, tmp_path):
    plain = trained("plain")
    assert trained("again") == plain
    assert trained("test", bank_with(study, tmp_path / "test.h5", lambda i: i >= N_TRAIN)) == plain
    assert trained("train", bank_with(study, tmp_path / "train.h5", lambda i: i == 0)) != plain


def test_test_responses_change_nothing_that_is_trained(study, trained, tmp_path):
    with h5py.File(study.features) as bank:
        order = [int(name.decode().removeprefix("image")) for name in bank["image_id"]]
        features = bank["raw/final"][:][[order.index(i) for i in range(len(order))]]
    write_subject(tmp_path / "same" / "sub-01.zarr.zip", features, seed=0)
    features[N_TRAIN:] = 5
    write_subject(tmp_path / "other" / "sub-01.zarr.zip", features, seed=0)
    stores = [tmp_path / name / "sub-01.zarr.zip" for name in ("same", "other")]
    assert (open_store(stores[0]).means(test=True).epochs != open_store(stores[1]).means(test=True).epochs).any()
    assert trained("other-run", epochs=stores[1]) == trained("same-run", epochs=stores[0]) == trained("plain")


def test_samples_held_out_for_validation_give_no_scale(study, params, settings):
    params["train"]["validation"].update(split="images")
    trainer = trainer_of(study, make_settings(made_bravl(params)))
    shown = trainer.train.features.image[trainer.train.item.unique()]
    model, brain = trainer.model, trainer.train.brain
    torch.testing.assert_close(model.scales["brain"].mean, brain.mean(0))
    torch.testing.assert_close(model.scales["image"].mean, torch.nn.functional.normalize(shown, dim=1).mean(0))
    assert len(shown) == N_TRAIN - 10


def test_the_model_comes_back(study, trained, params, tmp_path):
    trained("run")
    model, card, written = load_run(tmp_path / "run")
    assert isinstance(model, BravlModel)
    assert (card.kind, card.shapes.image_dim, written["bravl"]["latent_dim"]) == ("bravl", DIM, 8)
    assert not model.training
    assert model.scales["image"].axes.shape == (6, DIM)
    assert model.scales["brain"].scale != 1
    embedded = model.embed_brain(model.encoder.prepare(torch.zeros(2, 12, 1)))
    assert embedded.shape == (2, 16)


def test_a_kind_nobody_knows_is_refused(trained, tmp_path):
    trained("run")
    card = tmp_path / "run" / "model.json"
    card.write_text(card.read_text().replace('"bravl"', '"gan"'))
    with pytest.raises(InputError, match=r"kind is 'gan', allowed: alignment, bravl; train it again"):
        load_run(tmp_path / "run")


def test_a_folder_that_names_no_kind_holds_a_contrastive_model(study, settings, tmp_path):
    train_run(inputs_of(study), settings, n_epochs=1, seed=0, out=tmp_path / "run")
    card = tmp_path / "run" / "model.json"
    card.write_text(card.read_text().replace(',\n "kind": "alignment"', ""))
    assert "kind" not in card.read_text()
    assert load_run(tmp_path / "run")[1].kind == "alignment"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_what_goes_on_is_what_never_stopped(study, params, settings, tmp_path, interrupted, precision):  # noqa: F811
    params["train"].update(precision=precision)
    assert_goes_on(study, made_bravl(params), tmp_path, interrupted, 6)


def test_history_has_the_terms_and_beta(study, params, settings):
    history = trainer_of(study, make_settings(made_bravl(params))).fit("test").history
    wanted = {"train/elbo", "train/intra-information", "train/inter-information", "valid/elbo", "valid/loss", "beta"}
    assert wanted <= set(history[0])
    assert [row["beta"] for row in history[:3]] == pytest.approx([0, 0.05, 0.1])
    assert history[-1]["valid/loss"] < history[0]["valid/loss"]


def test_it_trains_on_several_subjects_and_stops_by_patience(study, params, settings, tmp_path):
    made_bravl(params)["train"]["patience"] = 1
    settings = make_settings(params)
    line = train_run(
        inputs_of(study, "inter", ("sub-01", "sub-02")), settings, n_epochs=300, seed=0, out=tmp_path / "r"
    )
    assert "stopped after" in line
    assert load_run(tmp_path / "r")[1].trained_on == ["sub-01", "sub-02"]


def test_without_captions_it_is_trained_on_brain_and_image(params, settings, tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline_lib.training.targets.TEXT_DATASET", "text/none")
    settings = make_settings(made_bravl(params))
    train_run(inputs_of(made_study(tmp_path)), settings, n_epochs=2, seed=0, out=tmp_path / "run")
    model, card, _ = load_run(tmp_path / "run")
    assert card.shapes.text_dim is None
    assert set(model.branches()) == {"brain", "image"}


def test_same_seed_same_bytes(study, params, settings, tmp_path):
    settings = make_settings(made_bravl(params))
    for name in ("one", "two"):
        train_run(inputs_of(study), settings, n_epochs=2, seed=1, out=tmp_path / name)
    assert same_run(tmp_path / "one", tmp_path / "two")
