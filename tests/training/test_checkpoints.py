"""A run that was interrupted and taken up again is the run that was not, bit for bit, and takes up nothing else."""

import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch
import yaml

from pipeline_lib.balancing.build import BALANCERS
from pipeline_lib.common.errors import InputError
from pipeline_lib.training import fingerprint as fingerprint_module
from pipeline_lib.training.checkpoints import Checkpoints
from pipeline_lib.training.distributed import Processes
from pipeline_lib.training.fingerprint import code_digest, fingerprint, key_of
from pipeline_lib.training.loop import Trainer
from pipeline_lib.training.run import train_run
from tests.training.conftest import VIEWS, inputs_of, make_settings, trainer_of

PARTS = {"parameters": "a", "data": "b", "code": "c", "machine": "d"}
OFTEN = {"momentum": 0.3, "deviations": 0.5}
SPR = {"enabled": True, "relative": True, "sigma_max": 0.1, "beta": 1.0}


class InterruptionError(Exception):
    """Stands for whatever ends a process."""


@pytest.fixture
def interrupted(monkeypatch):
    """Make every trainer break off at the beginning of an epoch; returns a function that takes it back."""

    def at(epoch):
        def run_epoch(trainer, number):
            if number == epoch:
                raise InterruptionError
            original(trainer, number)

        original = Trainer._run_epoch
        monkeypatch.setattr(Trainer, "_run_epoch", run_epoch)
        return monkeypatch.undo

    return at


def flat(value):
    """Nested state as a list of comparable leaves."""
    if isinstance(value, torch.Tensor):
        return [value.tolist()]
    if isinstance(value, dict):
        return [leaf for key, part in value.items() for leaf in (key, *flat(part))]
    if isinstance(value, list | tuple):
        return [leaf for part in value for leaf in flat(part)]
    return [value]


def training(study, settings, out):
    return train_run(inputs_of(study), settings, n_epochs=settings.train.epochs, seed=0, out=out)


def same_run(one, other):
    return {p.name: p.read_bytes() for p in one.iterdir()} == {p.name: p.read_bytes() for p in other.iterdir()}


@pytest.mark.parametrize("epoch", [3, 6])
@pytest.mark.parametrize(
    ("loss", "train"),
    [
        ({"balancer": "dla"}, {"optimizer": "adam", "patience": 100}),
        ({"balancer": "mcdb", "spr": SPR}, {}),
        ({"balancer": "dla", "spr": SPR}, {"precision": "bfloat16", "data_dtype": "bfloat16"}),
    ],
)
def test_what_goes_on_is_what_never_stopped(study, params, settings, tmp_path, interrupted, loss, train, epoch):
    params["loss"].update(loss)
    params["train"].update(train)
    assert_goes_on(study, params, tmp_path, interrupted, epoch)


@pytest.mark.parametrize("balancer", sorted(set(BALANCERS) - ({"nash-mtl"} if find_spec("ecos") is None else set())))
def test_every_balancer_goes_on_as_if_nothing_had_been(study, params, settings, tmp_path, interrupted, balancer):
    params["loss"].update(balancer=balancer)
    assert_goes_on(study, params, tmp_path, interrupted, 3)


@pytest.mark.parametrize("layer", ["final", ["early", "final"]])
def test_the_choice_of_views_goes_on_as_if_nothing_had_been(
    views_study, params, settings, tmp_path, interrupted, layer
):
    chosen = {"view": list(VIEWS), "views": "uncertainty", "layer": layer, "uncertainty": OFTEN}
    params["target"].update(chosen)
    resumed = assert_goes_on(views_study, params, tmp_path, interrupted, 6)
    assert len(set(resumed.choice.view.tolist())) == 3
    assert resumed.choice.seen.all()


def assert_goes_on(study, params, tmp_path, interrupted, epoch):
    """Eight epochs, checkpoints after 2, 4 and 6, interrupted in an epoch: the state is that of eight epochs."""
    params["train"].update(epochs=8, checkpoint_every=2)
    settings = make_settings(params)
    plain = trainer_of(study, settings)
    plain.fit("test")
    checkpoints = Checkpoints(tmp_path / "run", PARTS)
    undo = interrupted(epoch)
    with pytest.raises(InterruptionError):
        trainer_of(study, settings).fit("test", checkpoints)
    undo()
    torch.rand(7)
    resumed = trainer_of(study, settings)
    resumed.fit("test", checkpoints)
    assert flat(resumed.state_dict()) == flat(plain.state_dict())
    return resumed


def test_a_run_killed_at_random_moments_writes_the_same_bytes(study, params, settings, tmp_path):
    params["train"].update(epochs=24, checkpoint_every=1)
    params["loss"].update(spr=SPR)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    training(study, make_settings(params), tmp_path / "whole")
    paths = [study.stimuli, study.features, study.store("sub-01"), tmp_path / "params.yaml", tmp_path / "run"]
    command = [sys.executable, "-m", "tests.training.killed_run", *map(str, paths), "3", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    # Three kills; on a busy machine one may come after the end.
    assert done.stderr.count("training goes on after epoch") >= 2
    assert same_run(tmp_path / "run", tmp_path / "whole")
    assert not list(tmp_path.glob(".*"))


def test_the_run_folder_says_nothing_of_interruptions_and_nothing_is_left(
    study, params, settings, tmp_path, interrupted, capsys
):
    params["train"].update(epochs=5, checkpoint_every=2)
    settings = make_settings(params)
    training(study, settings, tmp_path / "whole")
    undo = interrupted(4)
    with pytest.raises(InterruptionError):
        training(study, settings, tmp_path / "run")
    undo()
    (checkpoint,) = tmp_path.glob(".run.unfinished.training/*.pt")
    training(study, settings, tmp_path / "run")
    assert f"{checkpoint}: training goes on after epoch 2" in capsys.readouterr().err
    assert same_run(tmp_path / "run", tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "whole"]


def test_other_parameters_start_anew_and_say_so(study, params, settings, tmp_path, interrupted, capsys):
    params["train"].update(epochs=5, checkpoint_every=2)
    undo = interrupted(4)
    with pytest.raises(InterruptionError):
        training(study, make_settings(params), tmp_path / "run")
    undo()
    params["train"].update(learning_rate=0.001)
    training(study, make_settings(params), tmp_path / "run")
    said = capsys.readouterr().err
    assert "an unfinished training of other parameters, at epoch 2; ignored" in said
    assert "goes on" not in said
    training(study, make_settings(params), tmp_path / "plain")
    assert same_run(tmp_path / "run", tmp_path / "plain")
    assert len(list(tmp_path.glob(".run.unfinished.training/*.pt"))) == 1  # the other training's, still good


@pytest.mark.parametrize("content", [b"", b"PK not a zip", None])
def test_a_damaged_checkpoint_is_named_and_ignored(tmp_path, capsys, content):
    checkpoints = Checkpoints(tmp_path / "run", PARTS)
    checkpoints.save(3, {"weights": torch.zeros(1000)})
    whole = checkpoints.path.read_bytes()
    checkpoints.path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    assert checkpoints.load() is None
    assert "not a whole checkpoint; ignored, training starts from the beginning" in capsys.readouterr().err


def test_what_is_saved_comes_back(tmp_path, capsys):
    checkpoints = Checkpoints(tmp_path / "run", PARTS)
    assert checkpoints.load() is None
    state = {"tensor": torch.rand(3), "rows": [{"a": 0.1}], "none": None}
    checkpoints.save(3, state)
    assert flat(Checkpoints(tmp_path / "run", dict(PARTS)).load()) == flat(state)
    Checkpoints(tmp_path / "run", PARTS | {"code": "x", "data": "y"}).load()
    assert "an unfinished training of other data and code, at epoch 3; ignored" in capsys.readouterr().err
    checkpoints.discard()
    assert not list(tmp_path.iterdir())


def test_the_last_checkpoint_outlives_a_loss_that_is_no_number(study, params, settings, tmp_path, monkeypatch):
    params["train"].update(epochs=9, checkpoint_every=2)
    original = Trainer.train_epoch

    def poisoned(trainer):
        if len(trainer.history) == 5:
            trainer.train.brain[0] = float("nan")
        return original(trainer)

    monkeypatch.setattr(Trainer, "train_epoch", poisoned)
    with pytest.raises(InputError, match=r"broke off at epoch 6.*; the checkpoint of epoch 4 is kept in .*\.pt$"):
        training(study, make_settings(params), tmp_path / "run")
    assert [p.name for p in tmp_path.iterdir()] == [".run.unfinished.training"]


def test_null_keeps_no_checkpoints(study, params, settings, tmp_path, monkeypatch):
    params["train"].update(epochs=3, checkpoint_every=None)
    monkeypatch.setattr(Checkpoints, "save", lambda *_: pytest.fail("saved"))
    training(study, make_settings(params), tmp_path / "run")


def fingerprint_of(settings, **changes):
    values = {"n_epochs": 3, "seed": 0, "trained_on": ["sub-01"], "data": "0" * 64}
    return fingerprint(settings, **values | changes, processes=Processes(torch.device("cpu")))


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("parameters", {"seed": 1}),
        ("parameters", {"n_epochs": 4}),
        ("parameters", {"trained_on": ["sub-02"]}),
        ("data", {"data": "1" * 64}),
    ],
)
def test_the_fingerprint_sees_what_matters(settings, part, change):
    plain, other = fingerprint_of(settings), fingerprint_of(settings, **change)
    assert [name for name in plain if plain[name] != other[name]] == [part]
    assert key_of(plain) != key_of(other)


def test_the_fingerprint_does_not_see_how_often_is_saved(params, settings):
    params["train"]["checkpoint_every"] = 7
    assert fingerprint_of(make_settings(params)) == fingerprint_of(settings)


def test_the_fingerprint_sees_a_changed_line_of_code(tmp_path):
    for room in fingerprint_module.ROOMS:
        (tmp_path / room).mkdir()
        (tmp_path / room / "x.py").write_text("x = 1\n")
    before = code_digest(tmp_path)
    (tmp_path / "balancing" / "x.py").write_text("x = 2\n")
    assert code_digest(tmp_path) != before
