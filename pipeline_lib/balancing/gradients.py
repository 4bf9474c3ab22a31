"""Gradients of several losses: taken one by one, measured, and joined."""

from collections.abc import Iterable, Sequence
from functools import reduce

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge
from torch.nn.utils import get_total_norm

Gradients = Sequence[Tensor | None]


def gradients_of(
    losses: Sequence[Tensor], parameters: Sequence[nn.Parameter | GradientEdge], *, keep_graph: bool
) -> list[Gradients]:
    """The gradient of each loss with respect to each parameter, None where a loss does not reach a parameter.

    Parameters
    ----------
    losses : sequence of Tensor, shape ()
        May share parts of their graph.
    parameters : sequence of Parameter or GradientEdge
    keep_graph : bool
        Whether a further backward pass is to come.
    """
    result: list[Gradients] = []
    for k, loss in enumerate(losses):
        if not loss.requires_grad:
            result.append([None] * len(parameters))
            continue
        more = keep_graph or k + 1 < len(losses)
        result.append(torch.autograd.grad(loss, parameters, retain_graph=more, allow_unused=True))
    return result


def norm_of(gradients: Iterable[Tensor | None], *, like: Tensor) -> Tensor:
    """The Euclidean norm over all given gradients together; 0 if there are none. Shape (), on the device of `like`."""
    present = [gradient for gradient in gradients if gradient is not None]
    return get_total_norm(present).to(like) if present else torch.zeros_like(like)


def norms_of(gradients: Sequence[Gradients], *, like: Tensor) -> Tensor:
    """The norm of each loss's gradients, shape (n_losses,)."""
    return torch.stack([norm_of(of_loss, like=like) for of_loss in gradients])


def gramian_of(gradients: Sequence[Gradients], *, like: Tensor) -> Tensor:
    """G_kl = ∇L_k · ∇L_l over all parameters together, shape (n_losses, n_losses)."""
    result = like.new_zeros(len(gradients), len(gradients))
    for of_parameter in zip(*gradients, strict=True):
        shape = next((g for g in of_parameter if g is not None), None)
        if shape is not None:
            rows = torch.stack([torch.zeros_like(shape) if g is None else g for g in of_parameter])
            rows = rows.view(len(rows), -1)
            result = result + (rows @ rows.T).to(like)
    return result


def combined(gradients: Sequence[Gradients], weights: Tensor) -> list[Tensor | None]:
    """Σ_k w_k ∇L_k for each parameter, over the losses that reach it; None where none does."""
    result = []
    for of_parameter in zip(*gradients, strict=True):
        terms = [weight * g for weight, g in zip(weights, of_parameter, strict=True) if g is not None]
        result.append(reduce(Tensor.add_, terms) if terms else None)
    return result


def join(parameters: Sequence[nn.Parameter], gradients: Sequence[Gradients], weights: Tensor) -> None:
    """Set each parameter's ``.grad`` to Σ_k w_k ∇L_k over the losses that reach it, or leave it None."""
    for parameter, gradient in zip(parameters, combined(gradients, weights), strict=True):
        parameter.grad = gradient


def weighted_backward(parameters: Sequence[nn.Parameter], losses: Sequence[Tensor], weights: Tensor) -> None:
    """As :func:`join`, in a single backward pass of Σ_k w_k L_k."""
    total = sum(weight * loss for weight, loss in zip(weights, losses, strict=True) if loss.requires_grad)
    total.backward(inputs=parameters)
