"""The parts of an evidence lower bound: log-likelihood, divergence from the prior, and the bound of a joint posterior.

    log p(x) ≥ E_q [Σ_m log p(x_m | z)] − β KL(q(z | x) ‖ p(z)),    p(z) = N(0, I), p(x_m | z) = N(x̂_m(z), s² I)

with β = 1. For a mixture q of products of experts the expectation is the mean over its components, and the divergence
is at most the mean of the components' (KL is convex), which takes its place: MoPoE's objective.
"""

import math
from collections.abc import Iterable

from torch import Tensor

from pipeline_lib.encoders.gaussians import Gaussian

HALF_LOG_2_PI = math.log(2 * math.pi) / 2


def log_density(x: Tensor, q: Gaussian) -> Tensor:
    """log q(x) for x and Gaussians of shapes that broadcast to (..., dim); shape (...)."""
    return standard_log_density((x - q.mean) * (-q.log_variance / 2).exp()) - q.log_variance.sum(-1) / 2


def standard_log_density(x: Tensor) -> Tensor:
    """log N(x; 0, I) for x of shape (..., dim); shape (...)."""
    return -0.5 * x.square().sum(-1) - x.shape[-1] * HALF_LOG_2_PI


def log_likelihood(pairs: Iterable[tuple[Tensor, Tensor]], deviation: float) -> Tensor:
    """Σ_m log N(x_m; x̂_m, s² I) of pairs (x_m, x̂_m) of shapes that broadcast to (..., dim_m); shape (...)."""
    total = 0.0
    for x, reconstruction in pairs:
        difference = x - reconstruction
        constant = difference.shape[-1] * (math.log(deviation) + HALF_LOG_2_PI)
        total = total - difference.square().sum(-1) / (2 * deviation**2) - constant
    return total


def divergence_from_prior(q: Gaussian) -> Tensor:
    """KL(q ‖ N(0, I)) = ½ Σ (σ² + μ² − 1 − log σ²) of Gaussians of shape (..., dim); shape (...)."""
    return 0.5 * (q.log_variance.exp() + q.mean.square() - 1 - q.log_variance).sum(-1)


def joint_divergence(joint: Gaussian) -> Tensor:
    """The mean over components of shape (n_components, n_items, dim) of their divergence; shape (n_items,)."""
    return divergence_from_prior(joint).mean(0)
