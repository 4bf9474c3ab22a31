"""What keeps a joint latent and its modalities informative about each other (BraVL: Du, Fu, Li and He, TPAMI 2023).

Within a modality, I(z; x̂_m) is at least H(z) + E [log Q(z | x̂_m)] for any Q; the expectation is maximised.

Between modalities, belonging together is to be worth more than not: what is maximised is log p(x) − log p(x′), for x′
in which some modalities of x are those of other items. The first is bounded from below by the ELBO, the second from
above by the χ upper bound (CUBO) with K samples of q(z | x′),

    log p(x′) ≤ ½ log 1/K Σ_k (p(x′, z_k) / q(z_k | x′))²,

as in Shi, Paige, Torr and Siddharth (ICLR 2021). A reading: each item has one x′ per step, made in one of the 2^M − 2
ways to exchange some modalities, but not all, drawn anew each time. The released code computes all ways in every step
and takes the mean over them, which is the same on average.
"""

import math
from itertools import combinations

import torch
from torch import Tensor


def chi_upper_bound(log_weights: Tensor) -> Tensor:
    """½ log 1/K Σ_k w_k² from log w_k = log p(x, z_k) − log q(z_k | x) of shape (K, n_items); shape (n_items,)."""
    return 0.5 * (torch.logsumexp(2 * log_weights, dim=0) - math.log(len(log_weights)))


def exchanges(n_modalities: int) -> Tensor:
    """The ways to take some modalities, but not all, from other items; bool, shape (2^M − 2, n_modalities).

    Where two are taken, each is taken from an item of its own, so of two modalities, taking one or the other are two
    ways.
    """
    ways = [chosen for size in range(1, n_modalities) for chosen in combinations(range(n_modalities), size)]
    return torch.tensor([[m in chosen for m in range(n_modalities)] for chosen in ways])


def mismatches(image: Tensor, n_modalities: int) -> tuple[Tensor, Tensor]:
    """For each item of a batch, draw a way and the items that its exchanged modalities come from.

    Torch's random generator of the items' device is used.

    Parameters
    ----------
    image : Tensor of int, shape (n_items,)
        The image of each item; another sample of the same image is no mismatch.
    n_modalities : int

    Returns
    -------
    source : Tensor of int, shape (n_modalities, n_items)
        The item that each modality is taken from: the item itself where it is kept.
    counts : Tensor of bool, shape (n_items,)
        False where an exchanged modality happens to be of the same image.
    """
    n_items, device = len(image), image.device
    ways = exchanges(n_modalities).to(device)
    others = torch.stack([torch.randperm(n_items, device=device) for _ in range(n_modalities)])
    exchanged = ways[torch.randint(len(ways), (n_items,), device=device)].T
    source = torch.where(exchanged, others, torch.arange(n_items, device=device))
    return source, ~(exchanged & (image[source] == image)).any(0)
