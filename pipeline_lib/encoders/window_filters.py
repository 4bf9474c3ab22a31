"""Filters on overlapping windows, as matrix products over chunks that stay in the processor's cache.

Written out in one piece, the intermediate of a batch of 1000 epochs with 63 channels is 360 MB; moving it through
memory costs more than the arithmetic. So a chunk of epochs goes through all steps at once, and the backward pass
computes it again instead of keeping it.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

ROWS_IN_CACHE = 18_000
ROWS_ON_DEVICE = 2_000_000
LOG2_E = math.log2(math.e)


def window_moments(epochs: Tensor, width: int, stride: int) -> tuple[Tensor, Tensor]:
    """Mean and covariance over all windows of all channels and epochs.

    Both follow from the mean and covariance of the samples, so no window is ever cut out. Samples are centred before
    second moments are taken: uncentred float32 is off by 3 % at a mean of 10 standard deviations.

    Parameters
    ----------
    epochs : Tensor, shape (n_epochs, n_channels, n_times)
    width, stride : int
        Of the windows, in samples.

    Returns
    -------
    mean : Tensor, shape (width,)
    covariance : Tensor, shape (width, width)
        Divided by the number of windows.
    """
    samples = epochs.reshape(-1, epochs.shape[-1])
    sample_mean = samples.mean(0)
    centered = samples - sample_mean
    sample_covariance = centered.T @ centered / len(samples)
    means = sample_mean.unfold(0, width, stride)
    mean = means.mean(0)
    between = (means - mean).T @ (means - mean) / len(means)
    within = sample_covariance.unfold(0, width, stride).unfold(1, width, stride).diagonal(dim1=0, dim2=1).mean(2)
    return mean, within + between


def filter_windows(epochs: Tensor, kernel: Tensor, shift: Tensor, weight: Tensor, stride: int) -> Tensor:
    """ELU(window @ kernel + shift) for every window and channel, then summed over channels and filters by `weight`.

    Parameters
    ----------
    epochs : Tensor, shape (n_epochs, n_channels, n_times)
    kernel : Tensor, shape (width, n_filters)
        Applied to the windows of `width` samples that start every `stride` samples.
    shift : Tensor, shape (n_filters,)
    weight : Tensor, shape (n_channels * n_filters, n_outputs)
        Row ``c * n_filters + f`` belongs to filter f of channel c.
    stride : int

    Returns
    -------
    Tensor, shape (n_epochs, n_windows, n_outputs)
        Can be differentiated once, with respect to all tensors.
    """
    return _FilterWindows.apply(epochs, kernel, shift, weight, stride)


class _FilterWindows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, epochs: Tensor, kernel: Tensor, shift: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(epochs, kernel, shift, weight)
        ctx.stride = stride
        chunks = _activations(epochs, kernel, shift, stride)
        return torch.cat([_rows(activation, weight) @ weight for _, _, activation, _ in chunks]).view(
            len(epochs), -1, weight.shape[1]
        )

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        epochs, kernel, shift, weight = ctx.saved_tensors
        to_kernel, to_shift, to_weight = (torch.zeros_like(tensor) for tensor in (kernel, shift, weight))
        to_epochs = []
        for part, windows, activation, slope in _activations(epochs, kernel, shift, ctx.stride):
            outer = gradient[part].reshape(-1, weight.shape[1])
            to_weight = to_weight + _rows(activation, weight).T @ outer
            inner = (outer @ weight.T).view_as(slope).mul_(slope)
            to_kernel = to_kernel + windows.T @ inner
            to_shift = to_shift + inner.sum(0)
            if ctx.needs_input_grad[0]:
                to_epochs.append(_overlapped(inner @ kernel.T, epochs[part], ctx.stride))
        return torch.cat(to_epochs) if to_epochs else None, to_kernel, to_shift, to_weight, None


def _activations(
    epochs: Tensor, kernel: Tensor, shift: Tensor, stride: int
) -> Iterator[tuple[slice, Tensor, Tensor, Tensor]]:
    """For each chunk of epochs: where it lies, its windows, their activations, and the ELU's slope there.

    ELU(z) = max(z, exp(z) - 1) with its slope exp(min(z, 0)). torch's own ELU takes eight times as long on a CPU, for
    digits below 1e-7 that float32 sums do not keep.
    """
    width, n_filters = kernel.shape
    windows = epochs.unfold(2, width, stride).transpose(1, 2)
    per_epoch = windows.shape[1] * windows.shape[2]
    size = max(1, (ROWS_IN_CACHE if epochs.device.type == "cpu" else ROWS_ON_DEVICE) // per_epoch)
    size = min(size, len(epochs))
    cut = epochs.new_empty(size, *windows.shape[1:])
    buffers = epochs.new_empty(3, size * per_epoch, n_filters)
    for start in range(0, len(epochs), size):
        part = slice(start, min(start + size, len(epochs)))
        flat = cut[: part.stop - start].copy_(windows[part]).view(-1, width)
        z, slope, activation = buffers[:, : len(flat)]
        torch.addmm(shift, flat, kernel, out=z)
        torch.mul(z, LOG2_E, out=slope).clamp_(max=0).exp2_()
        torch.maximum(z, torch.sub(slope, 1, out=activation), out=activation)
        yield part, flat, activation, slope


def _rows(activation: Tensor, weight: Tensor) -> Tensor:
    """One row per epoch and window, as wide as `weight` is high."""
    return activation.view(-1, weight.shape[0])


def _overlapped(gradient: Tensor, epochs: Tensor, stride: int) -> Tensor:
    """Add the gradient of each window's samples up to the gradient of the epochs' samples."""
    n_epochs, n_channels, _ = epochs.shape
    width = gradient.shape[-1]
    by_window = gradient.view(n_epochs, -1, n_channels, width)
    total = gradient.new_zeros(epochs.shape)  # not of `epochs`: under vmap only the gradient has the further axis
    for window in range(by_window.shape[1]):
        total[:, :, window * stride : window * stride + width] += by_window[:, window]
    return total
