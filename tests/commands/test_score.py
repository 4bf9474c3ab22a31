"""What `trialign score` promises."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from pipeline_lib.commands.main import build_app
from pipeline_lib.commands.score import DIRECTIONS
from pipeline_lib.common.errors import InputError

FORWARD, REVERSE = DIRECTIONS


def run(*words):
    result = CliRunner().invoke(build_app("score"), ["score", *map(str, words)])
    if isinstance(result.exception, InputError):
        raise result.exception
    return result


def scored(*words):
    return json.loads(run(*words, "--json").stdout)


@pytest.fixture
def pair(tmp_path):
    rng = np.random.default_rng(0)
    gallery = rng.normal(size=(30, 8))
    np.save(tmp_path / "queries.npy", gallery + rng.normal(size=(30, 8)))
    np.save(tmp_path / "gallery.npy", gallery)
    return tmp_path / "queries.npy", tmp_path / "gallery.npy"


def test_known_answers_of_real_eeg(real_data):
    folder = real_data / "things-eeg2-embeddings"
    if not folder.is_dir():
        pytest.skip(f"{folder} not found")
    found = scored(folder / "ATM_S_eeg_features_sub-08_test.pt", folder / "ViT-H-14_features_test.pt")
    assert found["gallery"].endswith("::img_features")
    known = {
        FORWARD: {"top1": 0.360, "top5": 0.725, "top10": 0.825, "mrr": 0.512448, "median_rank": 3},
        REVERSE: {"top1": 0.420, "top5": 0.775, "top10": 0.895, "mrr": 0.580847, "median_rank": 2},
    }
    for direction, figures in known.items():
        assert {name: found[direction][name] for name in figures} == pytest.approx(figures, abs=1e-6)
        assert found[direction]["p"] == pytest.approx(1 / 1001)
        assert found[direction]["chance"]["top1"] == pytest.approx(0.005)


def test_a_file_matches_itself(pair):
    found = scored(pair[1], pair[1], "--bootstrap", 50, "--permutations", 50)
    for direction in DIRECTIONS:
        assert found[direction]["top1"] == 1
        assert found[direction]["interval"]["top1"] == [1, 1]
        assert found[direction]["n_way"] == {"2": 1, "4": 1, "10": 1}


def test_exchanged_files_give_the_exchanged_directions(pair):
    there, back = scored(*pair, "--bootstrap", 50), scored(*reversed(pair), "--bootstrap", 50)
    for name in ("top1", "top5", "mrr", "median_rank", "interval"):
        assert there[FORWARD][name] == back[REVERSE][name]


def test_the_same_seed_prints_the_same(pair):
    assert run(*pair, "--seed", 3).stdout == run(*pair, "--seed", 3).stdout != run(*pair, "--seed", 4).stdout


def test_the_table_holds_every_measure(pair):
    table = run(*pair).stdout
    for word in ("top1", "top5", "top10", "mrr", "map", "median_rank", "2-way", "chance", FORWARD, REVERSE):
        assert word in table
    assert "50-way" not in table


def test_without_resampling(pair):
    found = scored(*pair, "--bootstrap", 0, "--permutations", 0)
    assert found[FORWARD]["interval"] is None
    assert found[FORWARD]["p"] is None
    assert run(*pair, "--bootstrap", 0, "--permutations", 0).exit_code == 0


def test_files_that_do_not_match(pair, tmp_path):
    np.save(tmp_path / "short.npy", np.ones((29, 8)))
    with pytest.raises(InputError, match=r"30 rows of 8 values, but .*29 rows of 8 values"):
        run(pair[0], tmp_path / "short.npy")


def test_wrong_use_exits_with_2(pair):
    assert run(pair[0]).exit_code == 2
    assert run(*pair, "--bootstrap", -1).exit_code == 2
    assert run(*pair, "--jsno").exit_code == 2
