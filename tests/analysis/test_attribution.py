"""Attribution: complete, exact on linear models, and at the place that carries everything."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline_lib.analysis.attribution import attribution, attributions, why_no_attribution
from pipeline_lib.analysis.notes import notes
from pipeline_lib.analysis.params import AttributionParams
from pipeline_lib.analysis.rescale_twin import RescaleTwin
from pipeline_lib.analysis.retrieval_score import BrainScore, directions
from pipeline_lib.encoders.build import ENCODERS
from pipeline_lib.retrieval.galleries import Gallery
from pipeline_lib.retrieval.latent_classifier import LatentClassifier
from pipeline_lib.retrieval.metrics import unit_rows
from pipeline_lib.training.base import Shapes
from pipeline_lib.training.model import AlignmentModel
from tests.analysis.mapped_run import CHANNELS, context_of, trained_run

N_QUERIES, N_CHANNELS, N_TIMES, DIM = 5, 4, 90, 6


def made_model(params, encoder="tsconv", head="projection"):
    """Random weights and statistics, two training subjects."""
    params["encoder"].update(name=encoder, dim=DIM)
    params["encoder"]["heads"]["brain"] = head
    torch.manual_seed(0)
    model = AlignmentModel.build(params, Shapes(N_CHANNELS, N_TIMES, 8, None, n_subjects=2), "none")
    with torch.no_grad():
        for name, value in [*model.named_parameters(), *model.named_buffers()]:
            if value.is_floating_point() and value.ndim:
                value.add_(torch.rand_like(value) if name.endswith("running_var") else 0.2 * torch.randn_like(value))
    return model.eval()


@pytest.fixture
def posed(params):
    """A score, responses and directions to one of random gallery items each."""

    def pose(encoder="tsconv", head="projection", known=1):
        score = BrainScore(made_model(params, encoder, head), known)
        generator = torch.Generator().manual_seed(1)
        responses = torch.randn(N_QUERIES, N_CHANNELS, N_TIMES, generator=generator)
        items = unit_rows(torch.randn(N_QUERIES, DIM, generator=generator).numpy())
        gallery = Gallery("image", items, np.eye(N_QUERIES, dtype=bool))
        return score, responses, directions(score, responses, gallery, np.arange(N_QUERIES)), gallery

    return pose


def settings(method="integrated-gradients", steps=64):
    return AttributionParams(method=method, steps=steps, queries=60)


def test_the_score_is_the_lead_of_the_match_over_the_others_mean(posed):
    score, responses, along, gallery = posed()
    with torch.no_grad():
        found, embedded = score(responses, along), score.embed(responses)
    cosines = unit_rows(embedded.numpy()) @ gallery.embeddings.T
    for i in range(N_QUERIES):
        others = np.delete(cosines[i], i).mean()
        assert found[i].item() == pytest.approx(cosines[i, i] - others, abs=1e-5)


def test_an_item_with_several_matches_counts_their_mean(posed):
    score, responses, _, gallery = posed()
    relevant = np.zeros((N_QUERIES, N_QUERIES), dtype=bool)
    relevant[:, :2] = True
    along = directions(score, responses, replace(gallery, relevant=relevant), np.zeros(N_QUERIES, dtype=int))
    with torch.no_grad():
        cosines = unit_rows(score.embed(responses).numpy()) @ gallery.embeddings.T
        found = score(responses, along).numpy()
    np.testing.assert_allclose(found, cosines[:, :2].mean(1) - cosines[:, 2:].mean(1), atol=1e-5)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("known", [None, 1])
def test_integrated_gradients_add_up_to_the_score(posed, encoder, known):
    score, responses, along, _ = posed(encoder, known=known)
    found = attributions(score, responses, along, settings())
    assert found.shape == responses.shape
    with torch.no_grad():
        gained = score(responses, along) - score(torch.zeros_like(responses), along)
    assert gained.abs().max() > 0.05
    np.testing.assert_allclose(found.sum((1, 2)), gained.numpy(), atol=0.01 * float(gained.abs().max()))


@pytest.mark.parametrize("method", ["integrated-gradients", "deeplift"])
def test_a_linear_model_is_attributed_its_weights_times_the_input(posed, method):
    score, responses, along, _ = posed("flat", "linear")
    weights = score.model.brain_head.weight.detach()
    expected = responses * (along @ weights).view(responses.shape)
    found = attributions(score, responses, along, settings(method, steps=3))
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)


@pytest.mark.parametrize(("encoder", "head"), [("tsconv", "projection"), ("flat", "projection"), ("tsconv", "linear")])
def test_the_twin_is_the_model(posed, encoder, head):
    score, responses, along, _ = posed(encoder, head)
    twin = RescaleTwin(score.model)
    with torch.no_grad():
        embedded = twin.embed(responses)
        behind = score.model.brain_head.norm(embedded) if head == "projection" else embedded
        torch.testing.assert_close(behind, score.embed(responses), rtol=0, atol=1e-5)
        leads = twin(responses, twin.before_norm(responses, along))
        shift = score.model.brain_head.norm.bias if head == "projection" else torch.zeros(DIM)
        torch.testing.assert_close(leads + along @ shift, score(responses, along), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("encoder", "head"), [("tsconv", "projection"), ("flat", "projection"), ("tsconv", "linear")])
def test_deeplift_adds_up_to_the_twins_score(posed, encoder, head):
    score, responses, along, _ = posed(encoder, head)
    twin = RescaleTwin(score.model)
    held = twin.before_norm(responses, along)
    found = attributions(score, responses, along, settings("deeplift"))
    with torch.no_grad():
        gained = twin(responses, held) - twin(torch.zeros_like(responses), held)
    np.testing.assert_allclose(found.sum((1, 2)), gained.numpy(), atol=1e-3 * float(gained.abs().max()))
    twice = attributions(score, responses, along, settings("deeplift"))
    np.testing.assert_array_equal(found, twice)


def test_queries_are_attributed_alike_alone_and_together(posed, monkeypatch):
    score, responses, along, _ = posed()
    together = attributions(score, responses, along, settings(steps=8))
    monkeypatch.setattr("pipeline_lib.analysis.attribution.VALUES_AT_ONCE", 1)
    np.testing.assert_allclose(attributions(score, responses, along, settings(steps=8)), together, atol=1e-6)


@pytest.mark.parametrize("method", ["integrated-gradients", "deeplift"])
def test_the_channel_and_time_that_carry_everything_are_found(params, tmp_path, method):
    params["encoder"]["heads"]["brain"] = "linear"
    run, inputs = trained_run(tmp_path, params)
    model = copy.deepcopy(run.model)
    weight = model.brain_head.weight.detach().view(16, len(CHANNELS), 90)
    only = torch.zeros_like(weight)
    only[:, 3, 42:48] = weight[:, 3, 42:48]
    model.brain_head.weight = torch.nn.Parameter(only.flatten(1))
    table = attribution(replace(run, model=model), context_of(inputs, params, attribution={"method": method}))
    assert len(table) == 9 * len(CHANNELS)
    best = table.loc[table["attribution"].idxmax()]
    assert (best["ch_name"], best["start"], best["stop"]) == ("Pz", 0.4, 0.5)
    assert best["attribution"] == pytest.approx(1)
    assert table["attribution"].sum() == pytest.approx(1)
    assert table.drop(best.name)["contribution"].abs().max() < 1e-9


def test_contributions_add_up_to_what_the_responses_gain(params, tmp_path):
    run, inputs = trained_run(tmp_path, params, encoder="tsconv")
    table = attribution(run, context_of(inputs, params, attribution={"steps": 64}))
    similarity, relevant = run.match(run.embed(run.responses), "image")
    n_items = similarity.shape[1]
    lead = similarity[relevant] - (similarity.sum(1) - similarity[relevant]) / (n_items - 1)
    score = BrainScore(run.model, 0)
    gallery = Gallery("image", unit_rows(run.targets.image), np.eye(n_items, dtype=bool))
    responses = torch.from_numpy(run.responses)
    along = directions(score, responses, gallery, np.arange(n_items))
    with torch.no_grad():
        start = score(torch.zeros_like(responses), along).numpy()
    assert table["contribution"].sum() == pytest.approx(float((lead - start).mean()), abs=0.01)
    assert table.loc[table["ch_name"] == "X99", ["x", "y"]].isna().all(axis=None)
    assert table.loc[table["ch_name"] == "Oz", "y"].max() < -0.8


def test_fewer_queries_are_spread_over_the_run(params, tmp_path):
    run, inputs = trained_run(tmp_path, params)
    some = attribution(run, context_of(inputs, params, attribution={"queries": 3}))
    chosen = [0, 4, 9]  # of 10; the middle of 4.5 is rounded to the even number
    kept = replace(run, responses=run.responses[chosen], shown=[run.shown[row] for row in chosen])
    expected = attribution(kept, context_of(inputs, params))
    np.testing.assert_allclose(some["contribution"], expected["contribution"], atol=1e-7)


@pytest.mark.parametrize(
    ("changes", "method", "reason"),
    [
        ({}, "none", "analysis.attribution.method is none"),
        ({"sfreq": None}, "integrated-gradients", "no time axis"),
        ({"encoder": "tsconv-sa"}, "deeplift", "attention"),
    ],
)
def test_where_there_is_no_attribution_a_note_says_why(params, tmp_path, changes, method, reason):
    run, inputs = trained_run(tmp_path, params, epochs=1, **changes)
    context = context_of(inputs, params, attribution={"method": method})
    table = attribution(run, context)
    assert table.empty
    assert "contribution" in table
    said = notes(run, context)
    (note,) = said.loc[said["analysis"] == "attribution", "note"]
    assert reason in note


def test_a_support_vector_machine_has_no_gradient(params, tmp_path):
    run, inputs = trained_run(tmp_path, params, epochs=1)
    run = replace(run, matcher=LatentClassifier(None, seed=0))
    assert "gradient" in why_no_attribution(run, context_of(inputs, params))
    assert attribution(run, context_of(inputs, params)).empty


def test_attribution_leaves_the_model_as_it_was(params, tmp_path):
    run, inputs = trained_run(tmp_path, params, encoder="tsconv")
    before = copy.deepcopy(run.model.state_dict()), run.embed(run.responses)
    for method in ("integrated-gradients", "deeplift"):
        attribution(run, context_of(inputs, params, attribution={"method": method}))
    np.testing.assert_array_equal(run.embed(run.responses), before[1])
    assert all(torch.equal(value, before[0][name]) for name, value in run.model.state_dict().items())
