"""torch.compile of the parts of a model, where a compiler is there."""

from collections.abc import Iterable

import torch
from torch import nn

from pipeline_lib.common.notices import notice


def compile_parts(parts: Iterable[nn.Module | None], device: torch.device) -> bool:
    """Have torch compile the modules' forward passes, in place; state dicts stay as they are.

    Returns
    -------
    bool
        Whether it did. Without a compiler (a C++ compiler on a CPU, Triton and a C compiler on a GPU) the modules stay
        as they are, and a line on standard error says so.
    """
    if problem := compiler_problem(device):
        notice(f"train.compile is true, but torch cannot compile here; training goes on without ({problem})")
        return False
    import torch._functorch.config

    # Balancers go backward through one graph several times.
    torch._functorch.config.donated_buffer = False
    for part in parts:
        if part is not None:
            part.compile()
    return True


def compiler_problem(device: torch.device) -> str | None:
    """In one line, why torch cannot compile for this device; None where it can."""
    try:
        torch.compile(lambda x: torch.relu(x) + 1)(torch.zeros(2, device=device))
    except Exception as error:
        lines = str(error).strip().splitlines()
        return f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}"
    return None
