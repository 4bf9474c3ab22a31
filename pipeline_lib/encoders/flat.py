"""The flat encoder: every channel and time point is a feature of its own.

For responses without a time axis (firing rates, fMRI betas), and for systems that project the whole epoch linearly
(UBP, NeuroBridge): their linear map is the first layer of the projection head.
"""

from typing import Self

from torch import Tensor

from pipeline_lib.encoders.base import Encoder
from pipeline_lib.encoders.params import EncoderParams


class FlatEncoder(Encoder):
    """Lay each epoch out as one row, channel after channel.

    Parameters
    ----------
    n_channels, n_times : int
        Shape of an epoch; ``n_times`` is 1 for data without a time axis.
    """

    def __init__(self, n_channels: int, n_times: int) -> None:
        super().__init__()
        self.dim = n_channels * n_times

    @classmethod
    def build(cls, params: EncoderParams, n_channels: int, n_times: int, n_subjects: int) -> Self:
        """It has no parameters."""
        return cls(n_channels, n_times)

    def prepare(self, epochs: Tensor) -> Tensor:
        """Flatten epochs of shape (n_epochs, n_channels, n_times) to (n_epochs, n_channels * n_times)."""
        return epochs.flatten(1)

    def forward(self, prepared: Tensor, subject: Tensor | None = None) -> Tensor:
        """Return the rows as they are, shape (n_epochs, dim).

        Raises
        ------
        ValueError
            If the rows are not ``dim`` wide.
        """
        if prepared.ndim != 2 or prepared.shape[1] != self.dim:
            raise ValueError(f"prepared epochs must have shape (n_epochs, {self.dim}), got {tuple(prepared.shape)}")
        return prepared
