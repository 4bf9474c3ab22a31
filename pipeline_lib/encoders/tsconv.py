"""TSConv: filters in time, then in space (NICE; NeuroAlign's brain encoder).

As published: convolution 1→40 in time, kernel 25 → mean over 51 samples, stride 5 → BatchNorm → ELU → convolution
40→40 over all channels → BatchNorm → ELU → dropout → 1×1 convolution → flatten. Here the same function of the same
parameters, computed in another order:

- Convolution and pooling are linear with nothing between them, so the mean comes first, once per recording
  (:meth:`TSConv.prepare`), and the convolution is taken at every fifth sample only.
- The first BatchNorm's statistics follow from mean and covariance of the 25-sample windows, so it folds into the
  filters before they are applied.
- What is left are two matrix products with an ELU between them (:mod:`pipeline_lib.encoders.window_filters`).
"""

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d, elu

from pipeline_lib.common.errors import InputError
from pipeline_lib.encoders.base import Encoder, initialize
from pipeline_lib.encoders.params import EncoderParams
from pipeline_lib.encoders.window_filters import filter_windows, window_moments

FILTERS = 40
KERNEL = 25
POOL = 51
STRIDE = 5
SHORTEST = KERNEL + POOL - 1


class TSConv(Encoder):
    """The plain formulation's parameters, under its names, and its function.

    The biases of the two convolutions in front of a BatchNorm have no effect on training: the batch mean takes them
    out. They are kept, untrained, so that state dicts fit.

    Parameters
    ----------
    n_channels, n_times : int
        Shape of an epoch; ``n_times`` is at least 75 samples.
    dropout : float
        After the second ELU.

    Raises
    ------
    InputError
        If the epochs are too short.
    """

    def __init__(self, n_channels: int, n_times: int, dropout: float) -> None:
        super().__init__()
        if n_times < SHORTEST:
            raise InputError(
                f"encoder tsconv needs epochs of at least {SHORTEST} samples ({KERNEL} for its filter, {POOL} for its "
                f"mean), these have {n_times}; widen preprocess.crop, raise preprocess.sfreq or set encoder.name: flat"
            )
        self.n_channels, self.n_times = n_channels, n_times
        self.n_steps = (n_times - SHORTEST) // STRIDE + 1
        self.dim = self.n_steps * FILTERS
        self.temporal = nn.Conv2d(1, FILTERS, (1, KERNEL))
        self.temporal_norm = nn.BatchNorm2d(FILTERS)
        self.spatial = nn.Conv2d(FILTERS, FILTERS, (n_channels, 1))
        self.spatial_norm = nn.BatchNorm2d(FILTERS)
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Conv2d(FILTERS, FILTERS, 1)
        initialize(self)
        for unused in (self.temporal.bias, self.spatial.bias):
            unused.requires_grad_(False)

    @classmethod
    def build(cls, params: EncoderParams, n_channels: int, n_times: int, n_subjects: int) -> Self:
        """All subjects are treated alike."""
        return cls(n_channels, n_times, dropout=params.dropout)

    def prepare(self, epochs: Tensor) -> Tensor:
        """Moving mean over 51 samples, at every sample: shape (n_epochs, n_channels, n_times - 50)."""
        self.require_epochs(epochs)
        return avg_pool1d(epochs, POOL, stride=1)

    def forward(self, prepared: Tensor, subject: Tensor | None = None) -> Tensor:
        """Encode a batch of moving means.

        Parameters
        ----------
        prepared : Tensor, shape (n_epochs, n_channels, n_times - 50)
            Rows of what :meth:`prepare` returned.
        subject : Tensor or None
            Plays no part.

        Returns
        -------
        Tensor, shape (n_epochs, dim)
            Time step after time step, 40 filters each: column 40 t + f.

        Raises
        ------
        ValueError
            If the shape is another one.
        """
        self._check(prepared, self.n_times - POOL + 1, "prepared epochs")
        prepared = prepared.to(self.temporal.weight.dtype)
        with torch.autocast(prepared.device.type, enabled=False):
            kernel, shift = self._folded_temporal(prepared)
            weight = self.spatial.weight.squeeze(3).permute(2, 1, 0).reshape(-1, FILTERS)
            filtered = filter_windows(prepared, kernel, shift, weight, STRIDE) + self.spatial.bias
        maps = filtered.transpose(1, 2).unsqueeze(2)
        maps = self.projection(self.dropout(elu(self.spatial_norm(maps))))
        return maps.squeeze(2).transpose(1, 2).flatten(1)

    def require_epochs(self, epochs: Tensor) -> None:
        """Raise ValueError if epochs are not of shape (n_epochs, n_channels, n_times)."""
        self._check(epochs, self.n_times, "epochs")

    def _folded_temporal(self, prepared: Tensor) -> tuple[Tensor, Tensor]:
        """The temporal filters and shifts with the first BatchNorm in them: shapes (25, 40) and (40,)."""
        filters, norm = self.temporal.weight.view(FILTERS, KERNEL), self.temporal_norm
        if self.training:
            mean, covariance = window_moments(prepared, KERNEL, STRIDE)
            mean, variance = filters @ mean, ((filters @ covariance) * filters).sum(1)
            count = prepared.shape[0] * self.n_channels * self.n_steps
            self._track(mean.detach() + self.temporal.bias, variance.detach() * (count / max(count - 1, 1)))
        else:
            mean, variance = norm.running_mean - self.temporal.bias, norm.running_var
        scale = norm.weight * torch.rsqrt(variance + norm.eps)
        return (filters * scale[:, None]).T.contiguous(), norm.bias - mean * scale

    def _check(self, epochs: Tensor, n_times: int, what: str) -> None:
        if epochs.ndim != 3 or epochs.shape[1:] != (self.n_channels, n_times):
            expected = f"(n_epochs, {self.n_channels}, {n_times})"
            raise ValueError(f"{what} must have shape {expected}, got {tuple(epochs.shape)}")

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor) -> None:
        """Update the first BatchNorm's running statistics as it would itself (unbiased variance)."""
        norm = self.temporal_norm
        norm.num_batches_tracked += 1
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(variance, norm.momentum)
