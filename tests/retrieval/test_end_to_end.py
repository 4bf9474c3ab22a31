"""From training to ranks with every kind of target and head: what is searched is what the parameters say."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline_lib.common.stimulus_table import read_stimulus_table
from pipeline_lib.features.bank import open_bank
from pipeline_lib.recordings.params import StudyParams
from pipeline_lib.recordings.store import open_store
from pipeline_lib.retrieval.evaluation import Declared, Inputs, about, evaluate_runs
from pipeline_lib.retrieval.metrics import cosine_similarity, retrieval_metrics
from pipeline_lib.retrieval.params import EvaluateParams
from pipeline_lib.training.run import train_run
from pipeline_lib.training.run_folder import load_run
from tests.training.conftest import (
    N_TEST,
    VIEWS,
    inputs_of,
    make_settings,
    settings,  # noqa: F401
    study,  # noqa: F401
    views_study,  # noqa: F401
    write_subject,
)

pytestmark = pytest.mark.usefixtures("settings")
LIST = list(VIEWS)


@pytest.fixture
def trained(views_study, params, tmp_path):  # noqa: F811
    """Train sub-01 (or the named subjects, for an inter run); returns what an evaluation reads."""

    def train(seed=0, epochs=30, subjects=("sub-01",), protocol="intra", tested="sub-01"):
        inputs = replace(inputs_of(views_study, protocol, subjects), subject=tested)
        out = tmp_path / "runs" / protocol / f"{tested}-seed{seed}"
        train_run(inputs, make_settings(params), n_epochs=epochs, seed=seed, out=out)
        table = read_stimulus_table(views_study.stimuli)
        return Inputs(tmp_path / "runs", views_study.epochs, views_study.features, table)

    return train


def similarities(inputs, params, declared=Declared(["sub-01"], [], ["0"])):  # noqa: B008
    """The matrix of the first direction, by protocol and seed."""
    params["evaluate"].update(galleries=["image"])
    results = list(evaluate_runs(inputs, declared, EvaluateParams.model_validate(params["evaluate"])))
    return {(r.protocol, r.seed): r.similarity for r in results if r.direction == "from-brain"}


def top1(similarity):
    return retrieval_metrics(similarity).values["top1"]


def expected_similarity(inputs, run, features, subject="sub-01", known=0):
    """Cosines of the test responses with these image features, through the model of a run."""
    model, card, _ = load_run(inputs.runs / run)
    means = open_store(inputs.epochs / f"{subject}.zarr.zip").means(test=True)
    known = None if known is None else torch.tensor(known)
    with open_bank(inputs.features) as bank, torch.no_grad():
        image = model.embed_image(torch.from_numpy(features(bank, means.image_ids)), known)
        brain = model.embed_brain(model.encoder.prepare(torch.from_numpy(means.epochs)))
    return cosine_similarity(brain.numpy(), image.numpy())


def view(name):
    return lambda bank, ids: bank.read(f"{name}/final", ids)


def mean_of_views(bank, ids):
    return np.mean([bank.read(f"{name}/final", ids) for name in VIEWS], axis=0)


@pytest.mark.parametrize(
    ("target", "features"),
    [
        ({"view": LIST}, mean_of_views),
        ({"view": LIST, "gallery_view": "raw"}, view("raw")),
        ({"view": LIST, "views": "uncertainty"}, view("medium")),
        ({"view": LIST, "views": "uncertainty", "gallery_view": "sharp"}, view("sharp")),
        ({"view": "blurred", "gallery_view": "sharp"}, view("sharp")),
    ],
)
def test_what_is_searched_is_the_view_of_the_galleries(trained, params, target, features):
    params["target"].update(target)
    inputs = trained()
    (found,) = similarities(inputs, params).values()
    np.testing.assert_allclose(found, expected_similarity(inputs, "intra/sub-01-seed0", features), atol=1e-6)
    assert top1(found) >= 0.5


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ({"view": "raw"}, None),
        ({"view": ["raw"], "gallery_view": "raw"}, None),
        ({"view": LIST}, None),
        ({"view": "raw", "gallery_view": "sharp"}, "sharp (in training: raw)"),
        ({"view": LIST, "gallery_view": "raw"}, "raw (in training: the mean of sharp, medium, blurred)"),
        ({"view": LIST, "views": "uncertainty"}, "medium (in training: one for each sample of sharp, medium, blurred)"),
    ],
)
def test_the_metrics_name_the_view_that_is_searched_where_it_is_another(trained, params, target, line):
    params["target"].update(target)
    said = lines_of(trained(epochs=1), params)
    views = [text for text in said if text.startswith("view of the images that are searched: ")]
    assert views == ([] if line is None else [f"view of the images that are searched: {line}"])
    assert len(said) == 9 + len(views)


def lines_of(inputs, params):
    study_params = StudyParams.model_validate(params["study"])
    return about(
        inputs, Declared(["sub-01"], [], ["0"]), study_params, EvaluateParams.model_validate(params["evaluate"])
    )


def test_class_centers_show_the_view_of_the_galleries_too(trained, params, tmp_path):
    params["target"].update(view="blurred", gallery_view="sharp")
    inputs = trained(epochs=2)
    frame = inputs.table.frame.copy()
    frame.loc[:9, "split"] = "center"
    frame.loc[:9, "concept"] = frame["concept"].to_numpy()[-10:]
    inputs = replace(inputs, table=replace(inputs.table, frame=frame))
    asked = []
    with pytest.MonkeyPatch.context() as patch:
        read = "pipeline_lib.retrieval.evaluation.read_target"
        patch.setattr(read, lambda bank, view, layer, ids: asked.append(view) or bank.read(f"{view}/{layer}", ids))
        params["evaluate"].update(galleries=["class-center"])
        declared = Declared(["sub-01"], [], ["0"])
        list(evaluate_runs(inputs, declared, EvaluateParams.model_validate(params["evaluate"])))
    assert asked == ["sharp", "sharp"]


def test_layers_are_mixed_as_the_person_does_or_for_strangers_by_the_mean_of_scores(
    trained,
    params,
    views_study,
    tmp_path,
):
    params["target"].update(view="sharp", layer=["early", "final"])
    both = ("sub-02", "sub-01")
    inputs = trained(subjects=both, protocol="inter", tested="sub-03")
    trained(subjects=both, protocol="intra", tested="sub-01")
    epochs = tmp_path / "epochs"
    epochs.mkdir()
    (epochs / "sub-01.zarr.zip").symlink_to(views_study.store("sub-01"))
    with open_bank(inputs.features) as bank:
        features = bank.read("raw/final", [f"image{i}" for i in range(70)])
    write_subject(epochs / "sub-03.zarr.zip", features, seed=5)
    inputs = replace(inputs, epochs=epochs)
    scores = torch.tensor([[2.0, -1.0], [-3.0, 1.0]])  # of sub-02 and of sub-01
    for run in ("inter/sub-03-seed0", "intra/sub-01-seed0"):
        path = inputs.runs / run / "model.safetensors"
        save_file(load_file(path) | {"image_branch.mixture.scores": scores}, path)
    found = similarities(inputs, params, Declared(["sub-01"], ["sub-03"], ["0"]))

    def mixed(weights):
        def features(bank, ids):
            early, final = (bank.read(f"sharp/{layer}", ids) for layer in ("early", "final"))
            unit = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in (early, final)]
            return (weights[0] * unit[0] + weights[1] * unit[1]).astype(np.float32)

        return features

    def through_the_head(run, subject, row):
        model, _, _ = load_run(inputs.runs / run)
        weights = torch.softmax(scores.mean(0) if row is None else scores[row], 0).numpy()
        means = open_store(inputs.epochs / f"{subject}.zarr.zip").means(test=True)
        with open_bank(inputs.features) as bank, torch.no_grad():
            image = model.image_branch.head(torch.from_numpy(mixed(weights)(bank, means.image_ids)))
            brain = model.embed_brain(model.encoder.prepare(torch.from_numpy(means.epochs)))
        return cosine_similarity(brain.numpy(), image.numpy())

    own = through_the_head("intra/sub-01-seed0", "sub-01", 1)
    strange = through_the_head("inter/sub-03-seed0", "sub-03", None)
    np.testing.assert_allclose(found["intra", 0], own, atol=1e-6)
    np.testing.assert_allclose(found["inter", 0], strange, atol=1e-6)


@pytest.mark.parametrize(
    ("encoder", "target"),
    [
        ({"heads": {"image": "identity"}, "dim": None}, {"view": "raw"}),
        ({"heads": {"image": "identity", "brain": "linear"}, "dim": 8}, {"view": "raw", "scale": "zscore"}),
        ({"heads": {"image": "adapter"}, "dim": None}, {"view": "raw"}),
        ({"heads": {"image": "adapter"}, "dim": None}, {"view": "sharp", "layer": ["early", "final"]}),
        ({"heads": {"image": "identity"}, "dim": None}, {"view": LIST, "layer": ["early", "final"]}),
        ({}, {"view": LIST, "views": "uncertainty", "layer": ["early", "final"], "scale": "zscore"}),
    ],
)
def test_unseen_images_are_found_through_every_kind_of_head_and_target(trained, params, encoder, target):
    params["encoder"]["heads"].update(encoder.pop("heads", {}))
    params["encoder"].update(encoder)
    params["target"].update(target)
    inputs = trained(epochs=40)
    trained(epochs=40, subjects=("sub-02",), protocol="inter")
    for similarity in similarities(inputs, params, Declared(["sub-01"], ["sub-01"], ["0"])).values():
        assert similarity.shape == (N_TEST, N_TEST)
        assert top1(similarity) >= 0.4  # chance 0.1


def test_shuffled_pairs_end_at_chance_and_the_metrics_say_so(trained, params):
    reached = {}
    for pairs in ("shown", "shuffled"):
        params["train"]["pairs"] = pairs
        inputs = [trained(seed=seed) for seed in range(6)][0]
        found = similarities(inputs, params, Declared(["sub-01"], [], [str(seed) for seed in range(6)]))
        reached[pairs] = float(np.mean([top1(similarity) for similarity in found.values()]))
        control = [line for line in lines_of(inputs, params) if "shuffled pairs" in line]
        assert len(control) == (pairs == "shuffled")
    assert reached["shown"] > 0.7
    assert reached["shuffled"] < 0.3  # chance 0.1
