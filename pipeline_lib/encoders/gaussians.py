"""Diagonal Gaussians over a latent space, and how those of several modalities become one posterior.

A subset s of the modalities gives the product of their experts, again a Gaussian,

    1 / σ_s² = Σ_{m∈s} 1 / σ_m²,    μ_s = σ_s² Σ_{m∈s} μ_m / σ_m²,

and the joint posterior is the even mixture of these products over the 2^M − 1 subsets that are not empty (mixture of
products of experts, MoPoE: Sutter, Daunhawer and Vogt, ICLR 2021). A reading: no product holds the prior as a further
expert, as the formula has it; the released code of MoPoE and of BraVL adds it where the subset is all modalities.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor


class Gaussian(NamedTuple):
    """Gaussians with diagonal covariance.

    Attributes
    ----------
    mean, log_variance : Tensor, shape (..., dim)
    """

    mean: Tensor
    log_variance: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """μ + σ ε for standard normal `noise`, whose shape is that of the mean or broadcasts with it."""
        return self.mean + (self.log_variance / 2).exp() * noise

    def chosen(self, component: Tensor) -> "Gaussian":
        """Of Gaussians of shape (n_components, n_items, dim), for each item the one of its `component`, (n_items,)."""
        item = torch.arange(len(component), device=component.device)
        return Gaussian(self.mean[component, item], self.log_variance[component, item])


def product(experts: Sequence[Gaussian]) -> Gaussian:
    """The normalised product of Gaussians of one shape."""
    log_precision = -torch.stack([expert.log_variance for expert in experts])
    shares = torch.softmax(log_precision, dim=0)
    mean = (shares * torch.stack([expert.mean for expert in experts])).sum(0)
    return Gaussian(mean, -torch.logsumexp(log_precision, dim=0))


def mixture_of_products(experts: Mapping[str, Gaussian]) -> Gaussian:
    """The components of the joint posterior, which all weigh the same.

    Parameters
    ----------
    experts : mapping of str to Gaussian, shape (n_items, dim)
        The posterior given each modality alone.

    Returns
    -------
    Gaussian, shape (2^M − 1, n_items, dim)
        In the order of :func:`subsets`.
    """
    products = [product([experts[name] for name in subset]) for subset in subsets(list(experts))]
    return Gaussian(*(torch.stack(parts) for parts in zip(*products, strict=True)))


def subsets(names: Sequence[str]) -> list[tuple[str, ...]]:
    """All subsets of the names that are not empty, small ones first."""
    return [subset for size in range(1, len(names) + 1) for subset in combinations(names, size)]
