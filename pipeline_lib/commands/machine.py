"""What the parameters ask of this machine: GPUs, and packages that are extras."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pipeline_lib.captioning.params import MODEL_SOURCES
from pipeline_lib.commands.findings import Finding, finding
from pipeline_lib.common.device import pick_device
from pipeline_lib.features.supplied import is_supplied


def check_machine(params: dict[str, Any]) -> Iterator[Finding]:
    """The solver of the balancer, and the device of each stage that computes."""
    looks: dict[str, Callable[[], str]] = {"loss.balancer": partial(_balancer, params["loss"]["balancer"])}
    for section in _computing(params):
        looks[f"{section}.device"] = partial(_device, section, params[section]["device"])
    looks["train.precision"] = partial(_precision, params["train"]["precision"], params["train"]["device"])
    for what, look in looks.items():
        yield finding(what, look)


def _computing(params: dict[str, Any]) -> Iterator[str]:
    """The sections of stages that let a model compute."""
    if params["caption"]["source"] in MODEL_SOURCES:
        yield "caption"
    if not is_supplied(Path(params["features"]["models"]) / params["features"]["model"]):
        yield "features"
    yield "train"


def _balancer(name: str) -> str:
    from pipeline_lib.balancing.aggregators import check_solver

    if name == "nash-mtl":
        check_solver()
    return name


def _device(section: str, name: str) -> str:
    return f"{name}, here {pick_device(name, key=f'{section}.device')}"


def _precision(precision: str, device: str) -> str:
    from pipeline_lib.training.precision import check_precision

    check_precision(precision, pick_device("cpu" if device == "cpu" else "auto"))
    return precision
