"""How long a training step takes: TSConv's published order against ours, and every balancer against static weights.

    python -m benchmarks.train_step                 # 20 minutes; rewrites benchmarks/figures/train_step.json
    python -m benchmarks.train_step --quick         # a minute and a half
    python -m benchmarks.train_step --memory        # peak memory of full-size runs; 4 GB of scratch space, 4 minutes

All times are medians of steps taken in turns, by the clock and, in case other processes disturb, in processor time. The
last line on standard output is all figures as one JSON object; what is being done goes to standard error.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from math import inf
from pathlib import Path
from typing import Annotated, Any

import typer

# Before torch is imported. Threads that wait for each other do so for milliseconds without giving their core away; on
# 2 cores beside 4 other processes, a step of 0.15 s took 1.7 s so, and 0.2 to 0.5 s with this. On free cores it is no
# slower.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import torch

from benchmarks.balancer_overhead import VARIANTS, overhead_figures
from benchmarks.encoder_speed import differences, step_figures
from benchmarks.full_size import EEG, Study, gpu_figures, memory_figures
from benchmarks.made_training import Size
from benchmarks.reporting import ROOT, say, surroundings, write_figures
from pipeline_lib.common.cli import run_stage

LIBRARIES = ("torch", "torchjd", "numpy")
FIGURES = ROOT / "benchmarks" / "figures"
SIZE = tuple(field.name for field in fields(Size))
SMALL = Study(images=800, validation=40)


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes
    ----------
    steps, balancers : sequence of Size
        Of the two encoders' steps, and of the balancers'. The figures of the first stand for all; there, outputs and
        gradients are compared.
    step_rounds, balancer_rounds : int
        How often each step is measured.
    step_seconds, balancer_seconds : float
        After which no further round begins.
    names : sequence of str
        The balancers measured.
    """

    steps: Sequence[Size]
    balancers: Sequence[Size]
    step_rounds: int
    balancer_rounds: int
    step_seconds: float = inf
    balancer_seconds: float = inf
    names: Sequence[str] = tuple(VARIANTS)


TWO = min(2, len(os.sched_getaffinity(0)))
BATCHES = ((63, 1000), (63, 256), (17, 1000), (17, 256), (271, 256))  # the plain order takes 20 MB per trial of 271
ON_TWO, ON_ONE, ON_GPU = ([Size(*batch, threads) for batch in BATCHES] for threads in (TWO, 1, None))
QUICK = Plan(ON_TWO[:1], ON_ONE[1:2], 3, 20, step_seconds=25, balancer_seconds=35)
FULL = Plan(list(dict.fromkeys(ON_TWO + ON_ONE)), list(dict.fromkeys(ON_ONE + ON_TWO)), 5, 7)
GPU = Plan(ON_GPU, ON_GPU, 20, 10)


def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="One size, few rounds.")] = False,
    memory: Annotated[bool, typer.Option("--memory", help="Instead: peak memory of runs of full size.")] = False,
    report: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file; - for none.")] = None,
    scratch: Annotated[Path | None, typer.Option(help="Where to write 4 GB; removed afterwards.")] = None,
) -> None:
    """Measure training steps on this machine, on its GPU where it has one."""
    name = "train_memory" if memory else "train_step"
    waiting = {"GOMP_SPINCOUNT": os.environ["GOMP_SPINCOUNT"]}
    figures: dict[str, Any] = {"benchmark": name, "quick": quick, **surroundings(LIBRARIES), "environment": waiting}
    if memory:
        figures |= memory_figures(SMALL if quick else EEG, scratch)
    else:
        figures |= measured(quick, scratch)
    write_figures(figures, report or (None if quick else FIGURES / f"{name}.json"))


def measured(quick: bool, scratch: Path | None) -> dict[str, Any]:
    """The steps of a plan on this machine's processor and, unless it is to be quick, on its GPU if there is one."""
    figures = plan_figures(QUICK if quick else FULL, torch.device("cpu"))
    if not quick and torch.cuda.is_available():
        figures["gpu"] = {"name": torch.cuda.get_device_name(), **plan_figures(GPU, torch.device("cuda"))}
        figures["gpu"]["full_run"] = gpu_figures(EEG, scratch)
    return figures


def plan_figures(plan: Plan, device: torch.device) -> dict[str, Any]:
    """The figures of every size, those of the first before the others."""
    steps, balancers = [], []
    for size in plan.steps:
        _set_up(size, device, "both encoders")
        steps.append(asdict(size) | step_figures(size, plan.step_rounds, device, plan.step_seconds))
    _set_up(plan.steps[0], device, "outputs and gradients of both encoders")
    compared = differences(plan.steps[0], device)
    for size in plan.balancers:
        _set_up(size, device, "balancers")
        found = overhead_figures(size, plan.names, plan.balancer_rounds, device, plan.balancer_seconds)
        balancers.append(asdict(size) | found)
    return {**_headline(steps[0], compared, balancers[0]), "steps": steps, "balancers": balancers}


def _set_up(size: Size, device: torch.device, what: str) -> None:
    threads = "" if size.threads is None else f", threads: {size.threads}"
    say(f"{what}: {size.batch} x {size.n_channels} x {size.n_times} on {device}{threads}")
    if size.threads is not None:
        torch.set_num_threads(size.threads)


def _headline(step: dict[str, Any], compared: dict[str, Any], balancers: dict[str, Any]) -> dict[str, Any]:
    """Speed in steps of the plain order in float32, overhead in steps with static weights."""
    return {
        "step_of": {name: step[name] for name in SIZE},
        "speedup_float32": step["speedup"]["float32"]["times"],
        "speedup_bfloat16": step["speedup"]["bfloat16"]["times"],
        "ours_prepared_before": True,
        **compared,
        "overhead_of": {name: balancers[name] for name in SIZE},
        "overhead": {name: found["times"] for name, found in balancers["overhead"].items()},
        "skipped": balancers["skipped"],
    }


if __name__ == "__main__":
    run_stage(main)
