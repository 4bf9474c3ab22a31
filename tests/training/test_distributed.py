"""Several processes compute what one does, and a process that is alone against its word is refused."""

import copy
import shutil
import subprocess
import sys

import pytest
import torch
import yaml

from pipeline_lib.common.errors import InputError
from pipeline_lib.training.distributed import Processes, join_processes
from pipeline_lib.training.run import train_run
from pipeline_lib.training.run_folder import load_run
from tests.training.conftest import VIEWS, inputs_of, make_settings
from tests.training.two_processes import CPU, choice, step

CASES = {
    "static": {"balancer": "static", "norms_every": 1},
    "dla": {"balancer": "dla"},
    "dla-heads": {"balancer": "dla", "dla": {"scope": "heads"}},
    "mcdb": {"balancer": "mcdb", "mcdb": {"apply": "update"}},
    "upgrad": {"balancer": "upgrad"},
    "uncertainty": {"balancer": "uncertainty"},
    "gradnorm": {"balancer": "gradnorm"},
    "concepts": {"balancer": "static", "positives": "concept"},
    "views": {"balancer": "static"},
}
CHOSEN = {"view": list(VIEWS), "views": "uncertainty", "uncertainty": {"momentum": 0.3, "deviations": 0.5}}


@pytest.fixture(scope="module")
def cases(shipped_params):
    """The shipped parameters with a small model without dropout and BatchNorm, one variant per case."""

    def case(changes):
        params = copy.deepcopy(shipped_params)
        params["encoder"].update(name="flat", dim=16, head_dropout=dict.fromkeys(("brain", "image", "text"), 0.0))
        params["target"].update(view="raw")
        params["train"].update(epochs=3, batch_size=32, learning_rate=0.005, device="cpu")
        params["train"]["validation"].update(size=10)
        for key, value in changes.items():
            params["loss"][key] = params["loss"][key] | value if isinstance(value, dict) else value
        return params

    made = {name: case(changes) for name, changes in CASES.items()}
    made["views"]["target"].update(CHOSEN)
    return made


@pytest.fixture(scope="module")
def launched(views_study, cases, tmp_path_factory):
    """The folder in which two processes of torchrun worked, their results, and what they said."""
    folder = tmp_path_factory.mktemp("two")
    shutil.copy(views_study.stimuli, folder / "stimuli.csv")
    shutil.copy(views_study.features, folder / "features.h5")
    shutil.copytree(views_study.epochs, folder / "epochs")
    (folder / "cases.yaml").write_text(yaml.safe_dump(cases, sort_keys=False))
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command = [sys.executable, *launcher, "-m", "tests.training.two_processes", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert not done.returncode, done.stderr
    return folder, torch.load(folder / "results.pt", weights_only=False), done.stdout


def test_two_processes_really_ran(launched):
    assert [(found["rank"], found["size"]) for found in launched[1]["processes"]] == [(0, 2), (1, 2)]


@pytest.mark.parametrize("name", CASES)
def test_losses_and_gradients_are_those_of_one_process(launched, views_study, cases, name):
    two, one = launched[1][name], step(views_study, cases[name], Processes(CPU))
    assert two["gradients"].keys() == one["gradients"].keys()
    for part in ("losses", "record", "gradients"):
        for key, expected in one[part].items():
            torch.testing.assert_close(two[part][key], expected, rtol=1e-5, atol=1e-6, msg=lambda m, k=key: f"{k}: {m}")
    assert two["valid"] == pytest.approx(one["valid"], rel=1e-5)


def test_all_processes_choose_the_same_views_and_those_of_one_process(launched, views_study, cases):
    first, second = launched[1]["choice"]
    (alone,) = choice(views_study, cases["views"], Processes(CPU))
    assert all(torch.equal(first[name], second[name]) for name in first)
    torch.testing.assert_close(first["similarity"], alone["similarity"], rtol=1e-3, atol=1e-4)
    assert (first["view"] == alone["view"]).float().mean() > 0.95
    assert len(first["view"].unique()) == 3


def test_only_the_first_process_writes_and_speaks(launched, study, cases, tmp_path):
    folder, _, said = launched
    settings = make_settings(next(iter(cases.values())))
    train_run(inputs_of(study), settings, n_epochs=3, seed=0, out=tmp_path / "one")
    assert said.count("train intra sub-01 seed 0: 50 samples") == 1
    two, one = load_run(folder / "run")[0].state_dict(), load_run(tmp_path / "one")[0].state_dict()
    for name, expected in one.items():
        torch.testing.assert_close(two[name], expected, rtol=1e-3, atol=1e-4)
    assert not list(folder.glob(".*"))


def test_one_process_alone_is_left_in_peace(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "1")
    alone = join_processes(CPU)
    rows, outputs = torch.arange(3), torch.rand(3, 2)
    assert alone.first
    assert torch.equal(alone.share(rows), rows)
    assert alone.gather(outputs, 3) is outputs
    assert alone.everyones("x") == ["x"]


def test_a_process_that_is_said_to_have_others_but_has_none_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with pytest.raises(InputError, match=r"WORLD_SIZE is 2, but this process is alone; .* -m stages\.train"):
        join_processes(CPU)


def test_a_number_of_processes_that_is_none_is_one_line(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "two")
    with pytest.raises(InputError, match="WORLD_SIZE is 'two', allowed: a number; unset it, a launcher sets it"):
        join_processes(CPU)


def test_too_many_processes_for_a_batch_are_refused():
    with pytest.raises(InputError, match="a batch of 7 samples leaves 4 processes fewer than two each"):
        Processes(CPU, size=4).check_batch(7)
    Processes(CPU, size=4).check_batch(8)


def test_each_process_draws_numbers_of_its_own():
    def drawn(rank):
        torch.manual_seed(5)
        Processes(CPU, rank, 3).seed(5)
        return torch.rand(1).item()

    assert drawn(0) == torch.rand(1, generator=torch.Generator().manual_seed(5)).item()
    assert len({drawn(rank) for rank in range(3)}) == 3
