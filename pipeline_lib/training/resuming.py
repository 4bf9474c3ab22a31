"""What a state dict leaves out when a training run goes on where it was: torch's random numbers, and devices."""

from typing import Any

import torch
from torch import Tensor


def random_state(device: torch.device) -> dict[str, Tensor | None]:
    """Where torch's own random generators stand, from which dropout draws."""
    on_gpu = device.type == "cuda"
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state(device) if on_gpu else None}


def restore_random_state(state: dict[str, Tensor | None], device: torch.device) -> None:
    """Set torch's generators as :func:`random_state` found them."""
    torch.set_rng_state(state["cpu"])
    if state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"], device)


def on_device(value: Any, device: torch.device) -> Any:
    """The same nested dicts, lists and tuples with their tensors on a device."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: on_device(part, device) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(on_device(part, device) for part in value)
    return value
