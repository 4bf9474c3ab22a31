"""What every brain encoder offers to the training loop."""

from abc import ABC, abstractmethod
from typing import Self

from torch import Tensor, nn

from pipeline_lib.encoders.params import EncoderParams


class Encoder(nn.Module, ABC):
    """Turn epochs into one vector per epoch.

    Attributes
    ----------
    dim : int
        Width of the output.
    """

    dim: int

    @classmethod
    @abstractmethod
    def build(cls, params: EncoderParams, n_channels: int, n_times: int, n_subjects: int) -> Self:
        """Make the encoder that the parameters describe; see :func:`pipeline_lib.encoders.build.build_encoder`."""

    def prepare(self, epochs: Tensor) -> Tensor:
        """What can be computed once per recording: no parameters, no randomness. Defaults to the epochs themselves.

        Parameters
        ----------
        epochs : Tensor, shape (n_epochs, n_channels, n_times)

        Returns
        -------
        Tensor, shape (n_epochs, ...)
            What :meth:`forward` takes; its rows are the epochs' rows.
        """
        return epochs

    @abstractmethod
    def forward(self, prepared: Tensor, subject: Tensor | None = None) -> Tensor:
        """Encode a batch of prepared epochs.

        Parameters
        ----------
        prepared : Tensor, shape (n_epochs, ...)
            Rows of what :meth:`prepare` returned.
        subject : Tensor of int, shape (n_epochs,), or None
            Which training subject each epoch is from, counted from 0; None for somebody who was not trained on. Most
            encoders treat all subjects alike. Defaults to None.

        Returns
        -------
        Tensor, shape (n_epochs, dim)
        """


def initialize(module: nn.Module) -> None:
    """Draw starting values in place: weights of convolutions and linear maps N(0, 0.02), of BatchNorm N(1, 0.02).

    These are NICE's, which both papers build on. Biases start at zero.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            nn.init.normal_(part.weight, 0.0, 0.02)
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.weight, 1.0, 0.02)
        else:
            continue
        if part.bias is not None:
            nn.init.zeros_(part.bias)
