"""What a model sees of masked responses."""

from types import SimpleNamespace

import numpy as np

from pipeline_lib.analysis.masking import accuracy, masked, mean_response
from tests.training.conftest import N_TEST


def test_the_filling_is_the_mean_of_the_training_images_alone(analysed):
    store = analysed.run().store
    found = mean_response(store)
    np.testing.assert_allclose(found, store.means(test=False).epochs.mean(axis=0, dtype=np.float64), atol=1e-6)
    assert found.dtype == np.float32


def test_masked_by_hand():
    responses = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    filling = -np.ones((3, 4), dtype=np.float32)
    by_time = masked(responses, np.array([False, True, True, False]), filling)
    assert by_time.tolist() == [[[-1, 1, 2, -1], [-1, 5, 6, -1], [-1, 9, 10, -1]]]
    by_channel = masked(responses, np.array([True, False, False])[:, None], filling)
    assert by_channel.tolist() == [[[0, 1, 2, 3], [-1] * 4, [-1] * 4]]
    assert by_time.dtype == by_channel.dtype == np.float32


def test_nothing_masked_is_what_evaluate_finds(analysed):
    for run in analysed.runs():
        similarity, _ = run.match(run.embed(run.responses), "image")
        own = (similarity.argmax(axis=1) == np.arange(N_TEST)).mean()
        assert accuracy(run, run.responses, "image")["top1"] == own


def test_everything_masked_is_exactly_chance(analysed):
    # All queries are then the same, rank the items alike, and each item is the own one of one of them.
    for run in analysed.runs():
        nothing = masked(run.responses, np.zeros(run.store.n_times, dtype=bool), mean_response(run.store))
        found = accuracy(run, nothing, "image")
        assert found["top1"] == found["chance1"] == 1 / N_TEST
        assert found["top5"] == found["chance5"] == 5 / N_TEST


def test_an_embedding_without_direction_finds_nothing():
    def match(queries, gallery):
        assert np.linalg.norm(queries, axis=1).all()
        return np.eye(6), np.eye(6, dtype=bool)

    embedded = np.ones((6, 2))
    embedded[1:] = 0
    run = SimpleNamespace(embed=lambda responses: embedded, match=match)
    found = accuracy(run, np.zeros((6, 1, 1)), "image")
    assert found["top1"] == found["top5"] == 1 / 6
