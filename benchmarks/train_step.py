"""How long a training step takes: TSConv's published order against ours, and every balancer against static weights.

    python -m benchmarks.train_step                 # half an hour; rewrites benchmarks/figures/train_step.json
    python -m benchmarks.train_step --quick         # one size, a minute or two
    python -m benchmarks.train_step --memory        # peak memory of full-size runs; 4 GB of scratch space, 5 minutes

All times are medians of steps taken in turns, by the clock and, in case other processes disturb, in processor time. The
last line on standard output is all figures as one JSON object; what is being done goes to standard error.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.balancer_overhead import VARIANTS, overhead_figures
from benchmarks.encoder_speed import differences, step_figures
from benchmarks.full_size import EEG, Study, gpu_figures, memory_figures
from benchmarks.made_training import Size
from benchmarks.reporting import ROOT, say, surroundings, write_figures
from pipeline_lib.common.cli import run_stage

LIBRARIES = ("torch", "torchjd", "numpy")
FIGURES = ROOT / "benchmarks" / "figures"
SMALL = Study(images=800, validation=40)


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes
    ----------
    sizes : sequence of Size
        The first is the one whose figures stand for all; outputs and gradients are compared at it.
    step_rounds, overhead_rounds : int
        How often each step is measured.
    step_seconds, overhead_seconds : float
        After which no further round begins.
    balancers : sequence of str
        Those measured.
    """

    sizes: Sequence[Size]
    step_rounds: int
    overhead_rounds: int
    step_seconds: float = inf
    overhead_seconds: float = inf
    balancers: Sequence[str] = tuple(VARIANTS)


CORES = len(os.sched_getaffinity(0))
THREADS = sorted({1, min(2, CORES)}, reverse=True)
BATCHES = ((63, 1000), (63, 256), (17, 1000), (17, 256), (271, 256))  # the plain order takes 20 MB per trial of 271
QUICK = Plan([Size(63, 1000, THREADS[0])], 3, 4, step_seconds=25, overhead_seconds=35)
FULL = Plan([Size(*batch, threads) for threads in THREADS for batch in BATCHES], 5, 7)
ON_GPU = Plan([Size(*batch, threads=None) for batch in BATCHES], 20, 10)


def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="One size, few rounds.")] = False,
    memory: Annotated[bool, typer.Option("--memory", help="Instead: peak memory of runs of full size.")] = False,
    report: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file; - for none.")] = None,
    scratch: Annotated[Path | None, typer.Option(help="Where to write 4 GB; removed afterwards.")] = None,
) -> None:
    """Measure training steps on this machine, on its GPU where it has one."""
    name = "train_memory" if memory else "train_step"
    figures: dict[str, Any] = {"benchmark": name, "quick": quick, **surroundings(LIBRARIES)}
    if memory:
        figures |= memory_figures(SMALL if quick else EEG, scratch)
    else:
        figures |= measured(quick, scratch)
    write_figures(figures, report or (None if quick else FIGURES / f"{name}.json"))


def measured(quick: bool, scratch: Path | None) -> dict[str, Any]:
    """The steps of a plan on this machine's processor and, unless it is to be quick, on its GPU if there is one."""
    import torch

    figures = plan_figures(QUICK if quick else FULL, torch.device("cpu"))
    if not quick and torch.cuda.is_available():
        figures["gpu"] = {"name": torch.cuda.get_device_name(), **plan_figures(ON_GPU, torch.device("cuda"))}
        figures["gpu"]["full_run"] = gpu_figures(EEG, scratch)
    return figures


def plan_figures(plan: Plan, device: "torch.device") -> dict[str, Any]:  # noqa: F821  torch takes seconds to import
    """The figures of every size; those of the first also by themselves."""
    import torch

    rows = []
    for size in plan.sizes:
        say(f"{size.batch} x {size.n_channels} x {size.n_times} on {device}, {size.threads} threads")
        if size.threads is not None:
            torch.set_num_threads(size.threads)
        steps = step_figures(size, plan.step_rounds, device, plan.step_seconds)
        overhead = overhead_figures(size, plan.balancers, plan.overhead_rounds, device, plan.overhead_seconds)
        rows.append({**asdict(size), "steps": steps, "balancers": overhead})
    say("comparing outputs and gradients")
    return {**_headline(rows[0], differences(plan.sizes[0], device)), "sizes": rows}


def _headline(row: dict[str, Any], compared: dict[str, Any]) -> dict[str, Any]:
    speedup, overhead = row["steps"]["speedup"], row["balancers"]["overhead"]
    return {
        "of": {name: row[name] for name in ("n_channels", "n_times", "batch", "threads")},
        "speedup_float32": speedup["float32"]["times"],
        "speedup_bfloat16": speedup["bfloat16"]["times"],
        **compared,
        "overhead": {name: found["times"] for name, found in overhead.items()},
        "note": "times in units of the plain float32 step and of the static step; ours starts from prepared epochs",
    }


if __name__ == "__main__":
    run_stage(main)
