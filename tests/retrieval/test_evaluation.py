"""Declared runs are evaluated, each once, on the test partition of the right subject."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.stimulus_table import read_stimulus_table
from pipeline_lib.features.bank import open_bank
from pipeline_lib.recordings.store import open_store
from pipeline_lib.retrieval.curves import write_curves
from pipeline_lib.retrieval.evaluation import evaluate_runs
from pipeline_lib.retrieval.metrics import retrieval_metrics
from pipeline_lib.retrieval.opened_runs import Declared, Inputs, query_responses
from pipeline_lib.retrieval.params import EvaluateParams
from pipeline_lib.retrieval.queries import write_queries
from pipeline_lib.training.run import RunInputs, train_run
from pipeline_lib.training.run_folder import load_run
from tests.training.conftest import N_TEST, settings, study, write_subject  # noqa: F401


@pytest.fixture
def evaluated(study, settings, params, tmp_path):  # noqa: F811
    """Train one run per protocol; returns the inputs of an evaluation and its parameters."""
    runs = tmp_path / "runs"
    for protocol, subject, trained_on in (("intra", "sub-01", "sub-01"), ("inter", "sub-01", "sub-02")):
        stores = {trained_on: study.store(trained_on)}
        inputs = RunInputs(protocol, subject, stores, study.features, study.stimuli)
        train_run(inputs, settings, n_epochs=30, seed=0, out=runs / protocol / f"{subject}-seed0")
    params["evaluate"].update(galleries=["image"])
    table = read_stimulus_table(study.stimuli)
    return Inputs(runs, study.epochs, study.features, table), EvaluateParams.model_validate(params["evaluate"])


DECLARED = Declared(["sub-01"], ["sub-01"], ["0"])


def test_every_declared_run_is_ranked_in_both_directions(evaluated):
    results = list(evaluate_runs(evaluated[0], DECLARED, evaluated[1]))
    assert [(r.protocol, r.subject, r.seed, r.gallery, r.direction) for r in results] == [
        ("intra", "sub-01", 0, "image", "from-brain"),
        ("intra", "sub-01", 0, "image", "to-brain"),
        ("inter", "sub-01", 0, "image", "from-brain"),
        ("inter", "sub-01", 0, "image", "to-brain"),
    ]


def test_unseen_images_are_found(evaluated):
    for result in evaluate_runs(evaluated[0], DECLARED, evaluated[1]):
        assert retrieval_metrics(result.similarity, result.relevant).values["top1"] >= 0.5  # chance 0.1


def test_similarities_are_the_cosines_of_the_models_own_embeddings(evaluated):
    inputs, params = evaluated
    result = next(iter(evaluate_runs(inputs, DECLARED, params)))
    model, _, _ = load_run(inputs.runs / "intra" / "sub-01-seed0")
    means = open_store(inputs.epochs / "sub-01.zarr.zip").means(test=True)
    with open_bank(inputs.features) as bank, torch.no_grad():
        image = model.embed_image(torch.from_numpy(bank.read("raw/final", means.image_ids))).double()
        brain = model.embed_brain(model.encoder.prepare(torch.from_numpy(means.epochs))).double()
    for i in range(N_TEST):
        for j in range(N_TEST):
            expected = float(brain[i] @ image[j] / brain[i].norm() / image[j].norm())
            assert result.similarity[i, j] == pytest.approx(expected, abs=1e-6)


def test_a_declared_run_that_is_missing_is_named(evaluated):
    with pytest.raises(InputError, match="sub-01-seed7"):
        list(evaluate_runs(evaluated[0], Declared(["sub-01"], [], ["7"]), evaluated[1]))


def test_fewer_repeats_are_the_first_ones(study):  # noqa: F811
    store = open_store(study.store("sub-01"))
    image_ids, responses = query_responses(store, 1, where=study.store("sub-01"))
    trials = store.trials(test=True)
    first = {
        name: epochs for name, epochs, r in zip(trials.image_ids, trials.epochs, trials.repeat, strict=True) if not r
    }
    np.testing.assert_array_equal(responses, np.stack([first[name] for name in image_ids]))


def test_every_single_trial_can_be_a_query(evaluated):
    inputs, params = evaluated
    single = params.model_copy(update={"repeats": "single"})
    results = {result.direction: result for result in evaluate_runs(inputs, DECLARED, single)}
    trials = open_store(inputs.epochs / "sub-01.zarr.zip").trials(test=True)
    images = list(dict.fromkeys(trials.image_ids))
    from_brain = results["from-brain"]
    assert from_brain.similarity.shape == (len(trials.image_ids), len(images))
    assert [images[row.argmax()] for row in from_brain.relevant] == trials.image_ids
    assert (from_brain.relevant.sum(axis=1) == 1).all()
    assert results["to-brain"].similarity.shape == from_brain.similarity.T.shape


def test_more_repeats_than_there_are_is_refused(study):  # noqa: F811
    with pytest.raises(InputError, match=r"evaluate.repeats is 3.*fewer"):
        query_responses(open_store(study.store("sub-01")), 3, where=study.store("sub-01"))


def test_other_sensors_than_the_models_are_refused(evaluated, study, tmp_path):  # noqa: F811
    inputs, params = evaluated
    other = Inputs(inputs.runs, tmp_path / "other", inputs.features, inputs.table)
    names = [f"X{i}" for i in range(12)]
    write_subject(other.epochs / "sub-01.zarr.zip", np.zeros((70, 8), dtype=np.float32), seed=0, ch_names=names)
    with pytest.raises(InputError, match="channels differ from those the model was trained on"):
        list(evaluate_runs(other, DECLARED, params))


def test_class_centers_without_other_images_are_refused(evaluated):
    params = evaluated[1].model_copy(update={"galleries": ["class-center"]})
    with pytest.raises(InputError, match="needs other images of each test concept"):
        list(evaluate_runs(evaluated[0], DECLARED, params))


def test_curves_hold_each_run_under_its_name(evaluated, tmp_path):
    write_curves(DECLARED.folders(evaluated[0].runs), tmp_path / "curves.csv")
    lines = (tmp_path / "curves.csv").read_text().splitlines()
    assert lines[0].startswith("run,epoch,train_brain_image")
    assert {line.split(",")[0] for line in lines[1:]} == {"intra sub-01-seed0", "inter sub-01-seed0"}
    assert len(lines) == 61


def test_every_query_is_written_with_what_it_was_taken_for(evaluated, tmp_path):
    inputs, params = evaluated
    single = params.model_copy(update={"repeats": "single"})
    write_queries(evaluate_runs(inputs, DECLARED, single), tmp_path / "queries.csv")
    table = pd.read_csv(tmp_path / "queries.csv")
    trials = open_store(inputs.epochs / "sub-01.zarr.zip").trials(test=True)
    concept = dict(zip(inputs.table.frame["image_id"], inputs.table.frame["concept"], strict=True))
    for protocol in ("intra", "inter"):
        part = table[table["protocol"] == protocol]
        assert part["image_id"].tolist() == list(trials.image_ids)
        assert part["concept"].tolist() == [concept[name] for name in trials.image_ids]
        assert ((part["rank"] == 1) == (part["found"] == part["image_id"])).all()
        assert set(part["found"]) <= set(trials.image_ids)


def test_items_of_class_centers_are_concepts(evaluated):
    inputs, params = evaluated
    frame = inputs.table.frame.copy()
    frame.loc[:9, "split"] = "center"
    frame.loc[:9, "concept"] = frame["concept"].to_numpy()[-10:]
    inputs = replace(inputs, table=replace(inputs.table, frame=frame))
    result, other, *_ = evaluate_runs(inputs, DECLARED, params.model_copy(update={"galleries": ["class-center"]}))
    assert other.names is None
    assert [result.names.items[row.argmax()] for row in result.relevant] == result.names.concepts
