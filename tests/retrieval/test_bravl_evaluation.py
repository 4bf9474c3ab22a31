"""BraVL's run folders go through the same evaluation as all others, and what was learned is found again."""

import numpy as np
import pytest

from pipeline_lib.common.stimulus_table import read_stimulus_table
from pipeline_lib.recordings.params import StudyParams
from pipeline_lib.retrieval.evaluation import about, evaluate_runs
from pipeline_lib.retrieval.metrics import retrieval_metrics
from pipeline_lib.retrieval.opened_runs import Declared, Inputs
from pipeline_lib.retrieval.params import EvaluateParams
from pipeline_lib.retrieval.report import retrieval_report
from pipeline_lib.training.run import RunInputs, train_run
from tests.training.bravl_study import made_bravl
from tests.training.conftest import N_TEST, make_settings, settings, study  # noqa: F401

DECLARED = Declared(["sub-01"], ["sub-01"], ["0"])


@pytest.fixture
def evaluated(study, settings, params, tmp_path):  # noqa: F811
    """Train one run per protocol; returns the inputs of an evaluation and its parameters."""
    trained_with = make_settings(made_bravl(params))
    for protocol, trained_on in (("intra", "sub-01"), ("inter", "sub-02")):
        stores = {trained_on: study.store(trained_on)}
        inputs = RunInputs(protocol, "sub-01", stores, study.features, study.stimuli)
        train_run(inputs, trained_with, n_epochs=150, seed=0, out=tmp_path / protocol / "sub-01-seed0")
    params["evaluate"].update(galleries=["image", "text", "image+text"], permutations=200, bootstrap=50)
    table = read_stimulus_table(study.stimuli)
    return Inputs(tmp_path, study.epochs, study.features, table), EvaluateParams.model_validate(params["evaluate"])


def test_unseen_images_are_found_and_the_report_says_so(evaluated, params):
    results = list(evaluate_runs(evaluated[0], DECLARED, evaluated[1]))
    assert len(results) == 12
    for result in results:
        assert result.similarity.shape == (N_TEST, N_TEST)
        assert retrieval_metrics(result.similarity, result.relevant).values["mrr"] > 0.5  # chance 0.29
    again = list(evaluate_runs(evaluated[0], DECLARED, evaluated[1]))
    for one, other in zip(results, again, strict=True):
        np.testing.assert_array_equal(one.similarity, other.similarity)
    said = about(evaluated[0], DECLARED, StudyParams.model_validate(params["study"]), evaluated[1])
    assert "lowest validation loss (elbo), split by" in " ".join(said)
    report = retrieval_report(results, evaluated[1], [])
    assert report["intra"]["image+text"]["p"] < 0.05
    assert report["inter"]["image"]["p"] < 0.05
