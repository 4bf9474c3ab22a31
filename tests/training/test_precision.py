"""Sixteen bits change little, float16's loss scale nothing that a balancer sees, and overflow is survived."""

import pytest
import torch

from pipeline_lib.common.errors import InputError
from pipeline_lib.training import compiling
from pipeline_lib.training.compiling import compile_parts
from pipeline_lib.training.precision import HIGHEST, LossScale, check_precision
from pipeline_lib.training.run import train_run
from tests.training.conftest import inputs_of, make_settings, trainer_of

ROWS = torch.arange(30)


@pytest.mark.parametrize("train", [{"precision": "bfloat16"}, {"data_dtype": "bfloat16"}])
@pytest.mark.parametrize("encoder", ["flat", "tsconv"])
def test_bfloat16_learns_about_the_same(study, wide_study, params, settings, train, encoder):
    params["encoder"]["name"] = encoder
    data = study if encoder == "flat" else wide_study
    full = trainer_of(data, make_settings(params)).train_epoch()
    params["train"].update(train)
    trainer = trainer_of(data, make_settings(params))
    half = trainer.train_epoch()
    for name in ("train/brain-image", "train/image-text", "train/guidance"):
        assert half[name] == pytest.approx(full[name], rel=0.02)
    assert half != full
    assert {p.dtype for p in trainer.model.parameters()} == {torch.float32}
    assert trainer.valid.brain.dtype == getattr(torch, train.get("data_dtype", "float32"))


def test_losses_and_embeddings_stay_float32(study, params, settings):
    params["train"].update(precision="bfloat16", data_dtype="bfloat16")
    trainer = trainer_of(study, make_settings(params))
    losses, embeddings = trainer.losses(trainer.train, ROWS)
    assert (
        {loss.dtype for loss in losses.values()} == {embeddings.brain.dtype, embeddings.text.dtype} == {torch.float32}
    )


def test_float16_without_a_gpu_is_refused(study, params, settings, tmp_path):
    params["train"]["precision"] = "float16"
    with pytest.raises(InputError, match=r"train\.precision is 'float16', which needs a GPU; allowed"):
        train_run(inputs_of(study), make_settings(params), n_epochs=1, seed=0, out=tmp_path / "run")
    check_precision("float16", torch.device("cuda"))


@pytest.mark.parametrize("balancer", ["static", "dla", "mcdb"])
def test_the_loss_scale_does_not_show(study, params, settings, balancer):
    params["loss"].update(balancer=balancer, norms_every=1)

    def gradients(scaled):
        trainer = trainer_of(study, make_settings(params))
        trainer.loss_scale = LossScale(trainer.balancer.parameters, enabled=scaled)
        _, record, _ = trainer.gradients(ROWS)
        return record | {name: p.grad for name, p in trainer.model.named_parameters() if p.grad is not None}

    plain, scaled = gradients(False), gradients(True)
    assert plain.keys() == scaled.keys()
    for name, expected in plain.items():
        torch.testing.assert_close(scaled[name], expected, rtol=1e-5, atol=1e-8)


def test_an_overflow_halves_the_scale_and_the_step_is_done_again(study, params, settings):
    params["loss"]["balancer"] = "dla"
    trainer, plain = (trainer_of(study, make_settings(params)) for _ in range(2))
    trainer.loss_scale = LossScale(trainer.balancer.parameters, enabled=True)
    trainer.model.image_branch.head.linear.weight.register_hook(
        lambda g: g if trainer.loss_scale.value < HIGHEST / 4 else g * torch.inf
    )
    for model in (trainer.model, plain.model):
        model.eval()  # without dropout, so that both compute the same
    trainer.gradients(ROWS)
    plain.gradients(ROWS)
    assert trainer.loss_scale.value == HIGHEST / 8
    assert trainer.balancer.steps == 1
    torch.testing.assert_close(trainer.balancer.weights, plain.balancer.weights)


def test_the_scale_grows_after_many_good_steps_and_comes_back_after_a_resume():
    parameter = torch.nn.Parameter(torch.ones(2))
    scale = LossScale([parameter], enabled=True)
    scale.value, scale.good_steps = 8.0, 1999
    loss = {"x": (3 * parameter).sum()}
    scale.scaled(loss)["x"].backward()
    assert parameter.grad.tolist() == [3, 3]
    assert scale.is_good(loss)
    assert scale.value == 16
    other = LossScale([], enabled=True)
    other.load_state_dict(scale.state_dict())
    assert (other.value, other.good_steps) == (16, 2000)


def test_a_loss_that_is_no_number_is_not_the_scales_doing():
    parameter = torch.nn.Parameter(torch.tensor(torch.nan))
    scale = LossScale([parameter], enabled=True)
    scale.scaled({"x": parameter})["x"].backward()
    assert scale.is_good({"x": parameter})
    assert scale.value == HIGHEST


def test_without_a_compiler_training_goes_on_and_says_so(study, params, settings, tmp_path, monkeypatch, capsys):
    def broken(*_, **__):
        raise RuntimeError("No working C++ compiler found\nand much more")

    params["train"]["compile"] = True
    monkeypatch.setattr(torch, "compile", broken)
    train_run(inputs_of(study), make_settings(params), n_epochs=1, seed=0, out=tmp_path / "run")
    said = "cannot compile here; training goes on without (RuntimeError: No working C++ compiler found)\n"
    assert capsys.readouterr().err.endswith(said)


def test_parts_are_compiled_in_place(monkeypatch):
    monkeypatch.setattr(compiling, "compiler_problem", lambda _: None)
    part = torch.nn.Linear(2, 2)
    names = list(part.state_dict())
    assert compile_parts([part, None], torch.device("cpu"))
    assert part._compiled_call_impl is not None
    assert list(part.state_dict()) == names
