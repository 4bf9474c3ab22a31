"""What the training of the phantom's two models shares: drawn pictures, how they are varied, and the steps."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, conv2d, grid_sample, interpolate, pad
from torch.optim import AdamW, Muon
from torch.optim.lr_scheduler import OneCycleLR

from pipeline_lib.common.progress import progress
from pipeline_lib.phantom.images import Concept, draw

IMAGE_SIZE = 64
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, as SLIP uses them


class Pictures(NamedTuple):
    """Drawn pictures and what they show."""

    pixels: Tensor  # uint8, shape (n_pictures, 3, IMAGE_SIZE, IMAGE_SIZE)
    concept: Tensor  # int64, shape (n_pictures,): index into the concepts they were drawn from


def draw_pictures(concepts: list[Concept], per_concept: int, rng: np.random.Generator) -> Pictures:
    """Draw `per_concept` pictures of each concept, in the order of `concepts`.

    Returns
    -------
    Pictures
    """
    index = np.repeat(np.arange(len(concepts)), per_concept)
    shots = progress(index, total=len(index), label="drawing", unit="picture")
    pixels = np.stack([draw(concepts[which], rng, IMAGE_SIZE) for which in shots])
    return Pictures(torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(index))


def normalized(images: Tensor) -> Tensor:
    """Images in [0, 1], shape (n, 3, height, width), as the models see them."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (images - mean) / std


def varied(pixels: Tensor, generator: torch.Generator, *, weighted_share: float = 0.0) -> Tensor:
    """Random copies of pictures: mirrored, moved, blurred, brighter or darker, some weighted by a map.

    A real image-text model is robust because it has seen the world; this one has only these pictures, and will be shown
    saliency-weighted views (each pixel times a map in [0, 1]) too. So a share of the copies is multiplied by a
    random map of that kind, see :func:`random_map`.

    Parameters
    ----------
    pixels : Tensor of uint8, shape (n, 3, height, width)
    generator : torch.Generator
        Decides everything.
    weighted_share : float
        The share of the copies, from the first on, that is weighted by a map. Defaults to none.

    Returns
    -------
    Tensor of float32, shape (n, 3, height, width)
        In [0, 1].
    """
    n = len(pixels)
    images = _moved(pixels.float() / 255, generator)
    images = torch.lerp(images, blurred(images, 1.0), uniform((n, 1, 1, 1), -0.5, 1, generator).clamp(min=0))
    if n_weighted := round(weighted_share * n):
        weighted = images[:n_weighted] * random_map(images[:n_weighted], generator)
        images = torch.cat([weighted, images[n_weighted:]])
    return (images * uniform((n, 1, 1, 1), 0.8, 1.15, generator)).clamp(0, 1)


def random_map(images: Tensor, generator: torch.Generator) -> Tensor:
    """A random saliency-like map per image: any mixture of its edges, colourfulness, contrast and a smooth haze.

    Parameters
    ----------
    images : Tensor, shape (n, 3, height, width)
        In [0, 1].
    generator : torch.Generator
        Draws the mixture.

    Returns
    -------
    Tensor, shape (n, 1, height, width)
        In [0, 1], reaching both.
    """
    n, _, height, width = images.shape
    gray = images.mean(dim=1, keepdim=True)
    haze = torch.randn((n, 1, 5, 5), generator=generator)
    cues = [
        edges(gray),
        images.amax(dim=1, keepdim=True) - images.amin(dim=1, keepdim=True),
        (gray - gray.mean(dim=(2, 3), keepdim=True)).abs(),
        interpolate(haze, (height, width), mode="bicubic", align_corners=False),
    ]
    maps = torch.cat(cues, dim=1)
    deviation, mean = torch.std_mean(maps, dim=(2, 3), keepdim=True)
    maps = torch.sigmoid((maps - mean) / (deviation + 1e-6))
    weights = torch.randn((n, len(cues), 1, 1), generator=generator) + torch.tensor([1, -0.3, -0.3, 0]).view(
        1, -1, 1, 1
    )
    mixed = (maps * weights).sum(dim=1, keepdim=True) + uniform((n, 1, 1, 1), -0.5, 0.5, generator)
    mixed = blurred(mixed, 0.7).abs() ** uniform((n, 1, 1, 1), 0.7, 2, generator)
    low, high = mixed.amin(dim=(2, 3), keepdim=True), mixed.amax(dim=(2, 3), keepdim=True)
    return (mixed - low) / (high - low + 1e-6)


def edges(gray: Tensor) -> Tensor:
    """Length of the brightness gradient (Sobel, kernel 3), shape (n, 1, height, width) like `gray`."""
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    kernels = torch.stack([across, across.T])[:, None]
    return conv2d(pad(gray, (1, 1, 1, 1), mode="reflect"), kernels).norm(dim=1, keepdim=True)


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Images after a Gaussian of `sigma` pixels, borders mirrored."""
    reach = int(np.ceil(2.5 * sigma))
    line = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    line = (line / line.sum()).expand(images.shape[1], 1, -1)
    padded = pad(images, (reach,) * 4, mode="reflect")
    rows = conv2d(padded, line[:, :, None, :], groups=images.shape[1])
    return conv2d(rows, line[:, :, :, None], groups=images.shape[1])


def uniform(shape: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    """Uniform random numbers between `low` and `high`."""
    return low + (high - low) * torch.rand(shape, generator=generator)


def _moved(images: Tensor, generator: torch.Generator) -> Tensor:
    n = len(images)
    scale = uniform((n,), 0.92, 1.08, generator)
    angle = uniform((n,), -0.1, 0.1, generator)
    mirror = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0)
    shift = uniform((n, 2), -0.06, 0.06, generator)  # of half a side
    first = torch.stack([mirror * scale * angle.cos(), -scale * angle.sin(), shift[:, 0]], dim=1)
    second = torch.stack([mirror * scale * angle.sin(), scale * angle.cos(), shift[:, 1]], dim=1)
    grid = affine_grid(torch.stack([first, second], dim=1), list(images.shape), align_corners=False)
    return grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def train(
    model: nn.Module,
    loss_of_a_batch: Callable[[int], Tensor],
    *,
    steps: int,
    learning_rate: float,
    label: str,
) -> list[float]:
    """Minimise a loss with one cycle of the learning rate, in place.

    Matrices of linear layers are trained with Muon at twice the rate, all else with AdamW: shapes are seen after a
    third of the steps that AdamW alone needs.

    Parameters
    ----------
    model : Module
        Its parameters that require a gradient are trained.
    loss_of_a_batch : callable
        Draws the next batch and returns its loss, given the number of the step.
    steps : int
        How many batches.
    learning_rate : float
        Its peak.
    label : str
        For the progress bar.

    Returns
    -------
    list of float
        The loss at each step.
    """
    optimizers = _optimizers(model, learning_rate)
    schedules = [
        OneCycleLR(optimizer, rate, total_steps=max(steps, 2), pct_start=0.15, cycle_momentum=False)
        for optimizer, rate in zip(optimizers, (2 * learning_rate, learning_rate), strict=True)
    ]
    losses = []
    for step in progress(range(steps), label=label, unit="step"):
        loss = loss_of_a_batch(step)
        model.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for part in (*optimizers, *schedules):
            part.step()
        losses.append(loss.item())
    return losses


def _optimizers(model: nn.Module, learning_rate: float) -> tuple[Muon, AdamW]:
    embeddings = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    matrices = {id(module.weight) for module in model.modules() if isinstance(module, nn.Linear)} - embeddings
    trained = [weights for weights in model.parameters() if weights.requires_grad]
    return (
        Muon(
            [weights for weights in trained if id(weights) in matrices],
            2 * learning_rate,
            weight_decay=0.05,
            adjust_lr_fn="match_rms_adamw",
        ),
        AdamW(
            [weights for weights in trained if id(weights) not in matrices],
            learning_rate,
            betas=(0.9, 0.98),
            weight_decay=0.05,
        ),
    )


def round_to_half(model: nn.Module) -> None:
    """Round all weights to values that float16 can hold, in place.

    They stay float32, so every reader works; but half their bits are zero, which git compresses away.
    """
    with torch.no_grad():
        for weights in model.parameters():
            weights.copy_(weights.half().float())
