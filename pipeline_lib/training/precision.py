"""Mixed precision: products in 16 bits where `train.precision` says so; weights, losses and updates in 32.

Small gradients vanish in float16 (below 6e-8), not in bfloat16. So the losses are multiplied by S on their way back,
and every gradient is divided by S as soon as it has arrived at its parameter in float32: balancers, which compare
gradients with absolute numbers, never see S.
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from pipeline_lib.common.errors import InputError

LOWEST, HIGHEST = 1.0, 65536.0
GROW_AFTER = 2000


def check_precision(precision: str, device: torch.device) -> None:
    """Refuse float16 without a GPU.

    Raises
    ------
    InputError
    """
    if precision == "float16" and device.type != "cuda":
        raise InputError("train.precision is 'float16', which needs a GPU; allowed on a CPU: float32, bfloat16")


def autocast(precision: str, device: torch.device) -> AbstractContextManager[None]:
    """A context in which torch picks 16 bits for what can bear it; nothing changes with ``"float32"``."""
    enabled = precision != "float32"
    dtype = torch.float16 if precision == "float16" else torch.bfloat16
    return torch.autocast(device.type, dtype=dtype, enabled=enabled)


class LossScale:
    """S, which halves when a gradient overflows and doubles after 2000 steps in which none did.

    Parameters
    ----------
    parameters : iterable of Parameter
    enabled : bool
        Whether S is anything but 1.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], *, enabled: bool) -> None:
        self.enabled, self.value, self.good_steps = enabled, HIGHEST if enabled else 1.0, 0
        self.parameters = list(parameters)
        if enabled:
            for parameter in self.parameters:
                parameter.register_hook(lambda gradient: gradient / self.value)

    def scaled(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The same losses, whose gradients are S times as large."""
        return {name: _Scale.apply(loss, self.value) if self.enabled else loss for name, loss in losses.items()}

    def is_good(self, losses: Mapping[str, Tensor]) -> bool:
        """Whether the step can be taken; if not, S is smaller now and the step is to be computed again.

        A loss that is no number itself is none of S's doing: the step is taken, and training stops over it.
        """
        if not self.enabled or not all(loss.isfinite() for loss in losses.values()):
            return True
        good = all(bool(p.grad.isfinite().all()) for p in self.parameters if p.grad is not None)
        if not good and self.value > LOWEST:
            self.value, self.good_steps = self.value / 2, 0
            return False
        self.good_steps += 1
        if self.good_steps % GROW_AFTER == 0:
            self.value = min(HIGHEST, 2 * self.value)
        return True

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {"value": self.value, "good_steps": self.good_steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a state that :meth:`state_dict` gave."""
        self.value, self.good_steps = state["value"], state["good_steps"]


class _Scale(torch.autograd.Function):
    """The identity, whose gradient is multiplied."""

    @staticmethod
    def forward(ctx: Any, loss: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return loss.view_as(loss)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * ctx.factor, None
