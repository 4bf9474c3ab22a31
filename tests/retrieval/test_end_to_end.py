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
from pipeline_lib.retrieval import opened_runs
from pipeline_lib.retrieval.comparison import compare
from pipeline_lib.retrieval.evaluation import about, evaluate_runs
from pipeline_lib.retrieval.metrics import cosine_similarity, retrieval_metrics
from pipeline_lib.retrieval.opened_runs import Declared, Inputs
from pipeline_lib.retrieval.params import EvaluateParams
from pipeline_lib.retrieval.queries import read_queries, write_queries
from pipeline_lib.training.run import train_run
from pipeline_lib.training.run_folder import load_run
from pipeline_lib.training.targets import read_target
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
INTRA = Declared(["sub-01"], [], ["0"])


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


def similarities(inputs, params, declared=INTRA):
    """The matrix of the first direction, by protocol and seed."""
    params["evaluate"].update(galleries=["image"])
    results = list(evaluate_runs(inputs, declared, EvaluateParams.model_validate(params["evaluate"])))
    return {(r.protocol, r.seed): r.similarity for r in results if r.direction == "from-brain"}


def top1(similarity):
    return retrieval_metrics(similarity).values["top1"]


def expected_similarity(inputs, run, features, *, to_head=False):
    """Cosines of the test responses with these image features, through a run's image branch or its head alone."""
    model, card, _ = load_run(inputs.runs / run)
    means = open_store(inputs.epochs / f"{card.subject}.zarr.zip").means(test=True)
    with open_bank(inputs.features) as bank, torch.no_grad():
        found = torch.as_tensor(features(bank, means.image_ids))
        image = model.image_branch.head(found) if to_head else model.embed_image(found)
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


@pytest.mark.parametrize(
    ("objectives", "asked", "named"),
    [
        (["brain-image", "guidance"], "brain-image", "brain-image"),
        (["brain-image"], "total", "total"),
        (["brain-text", "guidance"], "brain-image", "total"),
    ],
)
def test_the_metrics_name_the_loss_that_picked_the_epoch(trained, params, objectives, asked, named):
    params["loss"]["objectives"], params["train"]["validation"]["loss"] = objectives, asked
    said = " ".join(lines_of(trained(epochs=1), params))
    assert f"epoch of lowest validation loss ({named}), split by samples" in said


def lines_of(inputs, params):
    study_params = StudyParams.model_validate(params["study"])
    return about(inputs, INTRA, study_params, EvaluateParams.model_validate(params["evaluate"]))


def test_class_centers_show_the_view_of_the_galleries_too(trained, params, monkeypatch):
    params["target"].update(view="blurred", gallery_view="sharp")
    inputs = trained(epochs=2)
    frame = inputs.table.frame.copy()
    frame.loc[:9, "split"] = "center"
    frame.loc[:9, "concept"] = frame["concept"].to_numpy()[-10:]
    inputs = replace(inputs, table=replace(inputs.table, frame=frame))
    asked = []
    monkeypatch.setattr(opened_runs, "read_target", lambda *args: asked.append(args[1]) or read_target(*args))
    params["evaluate"].update(galleries=["class-center"])
    list(evaluate_runs(inputs, INTRA, EvaluateParams.model_validate(params["evaluate"])))
    assert asked == ["sharp", "sharp"]


@pytest.fixture
def three_people(study, tmp_path):  # noqa: F811
    """A folder with the recordings of a third person besides the study's two."""
    folder = tmp_path / "epochs"
    folder.mkdir()
    for name in ("sub-01", "sub-02"):
        (folder / f"{name}.zarr.zip").symlink_to(study.store(name))
    with open_bank(study.features) as bank:
        features = bank.read("raw/final", [f"image{i}" for i in range(70)])
    write_subject(folder / "sub-03.zarr.zip", features, seed=5)
    return folder


def test_layers_are_mixed_as_the_person_does_or_for_strangers_by_the_mean_of_scores(trained, params, three_people):
    params["target"].update(view="sharp", layer=["early", "final"])
    for protocol, tested in (("intra", "sub-01"), ("inter", "sub-03")):
        inputs = trained(epochs=5, subjects=("sub-02", "sub-01"), protocol=protocol, tested=tested)
    inputs = replace(inputs, epochs=three_people)
    scores = torch.tensor([[2.0, -1.0], [-3.0, 1.0]])  # of sub-02 and of sub-01, far apart
    for folder in Declared(["sub-01"], ["sub-03"], ["0"]).folders(inputs.runs):
        weights = load_file(folder / "model.safetensors") | {"image_branch.mixture.scores": scores}
        save_file(weights, folder / "model.safetensors")

    def mixed(scores):
        def features(bank, ids):
            layers = [torch.from_numpy(bank.read(f"sharp/{layer}", ids)) for layer in ("early", "final")]
            return sum(w * x / x.norm(dim=1, keepdim=True) for w, x in zip(scores.softmax(0), layers, strict=True))

        return features

    found = similarities(inputs, params, Declared(["sub-01"], ["sub-03"], ["0"]))
    for run, own in (("intra/sub-01-seed0", scores[1]), ("inter/sub-03-seed0", scores.mean(0))):
        expected = expected_similarity(inputs, run, mixed(own), to_head=True)
        np.testing.assert_allclose(found[run.split("/")[0], 0], expected, atol=1e-6)


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


def test_two_seeds_do_not_differ_and_shuffled_pairs_do(trained, params, tmp_path):
    params["loss"].update(objectives=["brain-image"], balancer="static", norms_every=0)
    params["evaluate"].update(galleries=["image"])
    for seed, pairs in enumerate(("shown", "shown", "shuffled")):
        params["train"]["pairs"] = pairs
        inputs = trained(seed=seed)
    systems = {}
    for seed, name in enumerate(("full", "again", "chance")):
        declared = Declared(["sub-01"], [], [str(seed)])
        found = evaluate_runs(inputs, declared, EvaluateParams.model_validate(params["evaluate"]))
        write_queries(found, tmp_path / f"{name}.csv")
        systems[name] = read_queries(tmp_path / f"{name}.csv", where=name)
    rows = compare(systems, n_resamples=2000, seed=0).rows.set_index(["measure", "system"])
    assert (rows.loc[[("top1", "again"), ("top5", "again"), ("mrr", "again")], "p"] > 0.05).all()
    assert rows.loc[("mrr", "chance"), "p"] < 0.01
    assert rows.loc[("mrr", "chance"), "difference"] < 0


def test_shuffled_pairs_end_at_chance_and_the_metrics_say_so(trained, params):
    params["loss"].update(objectives=["brain-image"], balancer="static", norms_every=0)
    reached = {}
    for pairs in ("shown", "shuffled"):
        params["train"]["pairs"] = pairs
        for seed in range(6):
            inputs = trained(seed=seed)
        found = similarities(inputs, params, Declared(["sub-01"], [], [str(seed) for seed in range(6)]))
        reached[pairs] = float(np.mean([top1(similarity) for similarity in found.values()]))
        control = [line for line in lines_of(inputs, params) if "shuffled pairs" in line]
        assert len(control) == (pairs == "shuffled")
    assert reached["shown"] > 0.7
    assert reached["shuffled"] < 0.3  # chance 0.1
