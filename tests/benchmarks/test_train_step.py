"""What is compared is what it is said to be, and the last line holds what is promised."""

import json

import pytest
import torch

from benchmarks import full_size, train_step
from benchmarks.balancer_overhead import VARIANTS, overhead_figures
from benchmarks.encoder_speed import CONTRASTIVE, differences
from benchmarks.full_size import HELD_OUT, Study, gpu_figures, memory_figures
from benchmarks.made_training import Size, made_epochs, made_settings, made_trainer, step_of
from benchmarks.train_step import GPU, QUICK, Plan, main
from pipeline_lib.balancing import aggregators
from pipeline_lib.balancing.build import BALANCERS
from tests.encoders.plain import UNTRAINED, PlainTSConv

CPU = torch.device("cpu")
TINY = Size(n_channels=3, batch=6, threads=1, n_times=90)


@pytest.fixture
def miniature(monkeypatch, tmp_path):
    """The quick plan, a thousandth of the work; threads stay as they are."""
    threads = torch.get_num_threads()
    monkeypatch.setattr(train_step, "QUICK", Plan([TINY], [TINY], 2, 2, names=["dla", "dla-heads", "mcdb+spr"]))
    monkeypatch.setattr(train_step, "FIGURES", tmp_path)
    yield
    torch.set_num_threads(threads)


def test_the_last_line_is_one_object_with_the_figures(miniature, capsys, tmp_path):
    main(quick=True, report=tmp_path / "figures.json")
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert json.loads((tmp_path / "figures.json").read_text()) == last
    assert min(last["speedup_float32"], last["speedup_bfloat16"]) > 0
    assert last["max_output_difference"] <= 1e-5
    assert last["max_gradient_difference"] <= 1e-4
    assert set(last["overhead"]) == {"dla", "dla-heads", "mcdb+spr"}
    assert all(times > 0 for times in last["overhead"].values())
    assert last["step_of"] == last["overhead_of"] == vars(TINY)
    assert {"machine", "versions", "date", "commit", "steps", "balancers"} <= set(last)
    assert last["steps"][0]["prepare_once"]["seconds"] > 0


def test_a_quick_look_does_not_replace_the_figures(miniature, capsys, tmp_path):
    main(quick=True)
    assert not list(tmp_path.iterdir())


def test_the_plans_measure_every_balancer():
    assert set(QUICK.names) == set(VARIANTS) >= {*BALANCERS, "dla-heads", "mcdb+spr"}
    assert (QUICK.steps[0].batch, QUICK.steps[0].n_channels, QUICK.steps[0].n_times) == (1000, 63, 250)
    assert {size.threads for size in GPU.steps} == {None}


def test_both_encoders_start_from_the_same_weights_ours_from_prepared_epochs():
    epochs = made_epochs(TINY, CPU)
    plain, ours = made_trainer(epochs, CONTRASTIVE, plain=True), made_trainer(epochs, CONTRASTIVE)
    assert isinstance(plain.model.encoder, PlainTSConv)
    torch.testing.assert_close(plain.model.state_dict(), ours.model.state_dict(), rtol=0, atol=0)
    assert plain.train.brain.shape == (6, 3, 90)
    assert ours.train.brain.shape == (6, 3, 40)


def test_a_step_trains_the_whole_model():
    trainer = made_trainer(made_epochs(TINY, CPU), CONTRASTIVE)
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters() if not name.endswith(UNTRAINED)}
    step_of(trainer)()
    after = dict(trainer.model.named_parameters())
    assert not [name for name, value in before.items() if torch.equal(value, after[name])]


def test_a_difference_is_seen(monkeypatch):
    same = differences(TINY, CPU)
    assert same["max_output_difference"] <= 1e-5 < same["output_deviation"]
    assert same["max_gradient_difference"] == max(same["gradient_difference"].values()) <= 1e-4
    assert "encoder.spatial.weight" in same["gradient_difference"]
    assert not [name for name in same["gradient_difference"] if name.endswith(UNTRAINED)]
    forward = PlainTSConv.forward
    monkeypatch.setattr(PlainTSConv, "forward", lambda self, epochs: 1.01 * forward(self, epochs))
    assert differences(TINY, CPU)["max_output_difference"] > 1e-4


def test_a_balancer_that_is_not_installed_is_left_out_with_the_reason(monkeypatch):
    monkeypatch.setattr(aggregators, "find_spec", lambda name: None)
    figures = overhead_figures(TINY, ["nash-mtl", "mcdb"], 1, CPU)
    assert set(figures["overhead"]) == {"mcdb"}
    assert "ecos is not installed" in figures["skipped"]["nash-mtl"]


def test_noise_lasts_through_all_steps_measured():
    trainer = made_trainer(made_epochs(TINY, CPU), VARIANTS["mcdb+spr"], captions=True)
    assert trainer.noise.sigma(1000) > 0.09


def test_settings_do_not_depend_on_params(monkeypatch, params):
    params["encoder"]["name"], params["loss"]["norms_every"] = "flat", 3
    monkeypatch.setattr("benchmarks.made_training.read_params", lambda path: params)
    settings = made_settings({"loss.balancer": "mcdb"})
    assert (settings.encoder.name, settings.loss.norms_every, settings.loss.balancer) == ("tsconv", 0, "mcdb")


def test_tiny_runs_go_through_both_training_stages(tmp_path):
    study = Study(images=24, validation=4, n_channels=3, n_times=80, batch=8, subjects=2)
    figures = memory_figures(study, tmp_path / "scratch")
    assert figures["of"]["images"] == 24
    for run in ("one_subject", "subjects_2"):
        assert 0.05 < figures[run]["peak_gib"] < 4
    assert not list((tmp_path / "scratch").iterdir())


def test_a_run_on_the_gpu_is_trained_there_in_both_precisions(tmp_path, monkeypatch):
    runs = []
    study = Study(images=12, validation=4, n_channels=3, n_times=80, batch=8, subjects=2)

    def train_run(inputs, settings, *, n_epochs, seed, out):
        runs.append((settings.train.device, settings.train.precision, settings.train.data_dtype, n_epochs))
        assert all(path.exists() for path in (*inputs.stores.values(), inputs.features, inputs.stimuli))
        return "done"

    monkeypatch.setattr("pipeline_lib.training.run.train_run", train_run)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 2**30)
    figures = gpu_figures(study, tmp_path)
    assert runs == [("cuda", kind, kind, 200) for kind in ("float32", "bfloat16")]
    assert figures["bfloat16"]["device_peak_gib"] == 1
    assert HELD_OUT not in full_size.EEG.names(9)
