"""Attention between channels in front of TSConv: what NICE's two variants, -SA and -GA, have in common.

Each channel is a token, its features are its time course x_c. The output of a channel is a mean over all channels,
weighted by the data, added to what the channel was:

    x'_c = x_c + Σ_j Dropout(A)_cj v_j,        A = attention(x), rows sum to 1,        x' → TSConv

Dropout acts on the weights, so that mixing channels stays linear in time. TSConv's moving mean M is linear in time as
well and treats all channels alike, hence M(x') = M(x) + Dropout(A) M(v): the mean is taken first, and channels are
mixed where there are 50 samples fewer.

A depends on the epochs as they are, which therefore have to be kept; M(x) could be kept beside them. That would make
the recording take 1.8 times as much memory (nine subjects of THINGS-EEG2, repeats averaged: 17 GB instead of 9.4) to
save a twentieth of a step. So :meth:`ChannelAttention.prepare` keeps the epochs, and M(x) is computed batch by batch.
"""

from abc import abstractmethod
from typing import Self

from torch import Tensor, nn

from pipeline_lib.common.errors import InputError
from pipeline_lib.encoders.base import Encoder
from pipeline_lib.encoders.moving_mean import moving_mean
from pipeline_lib.encoders.params import EncoderParams
from pipeline_lib.encoders.tsconv import TSConv


class ChannelAttention(Encoder):
    """TSConv on channels that have attended to each other.

    Parameters
    ----------
    n_channels, n_times : int
        Shape of an epoch: at least 2 channels, at least 75 samples.
    dropout : float
        Inside TSConv.
    attention_dropout : float
        Share of the attention weights that are dropped in training.

    Raises
    ------
    InputError
        If there are too few channels or samples.
    """

    def __init__(self, n_channels: int, n_times: int, dropout: float, attention_dropout: float) -> None:
        super().__init__()
        require_channels(n_channels)
        self.tsconv = TSConv(n_channels, n_times, dropout)
        self.dim = self.tsconv.dim
        self.attention_dropout = nn.Dropout(attention_dropout)

    @classmethod
    def build(cls, params: EncoderParams, n_channels: int, n_times: int, n_subjects: int) -> Self:
        """All subjects are treated alike."""
        return cls(n_channels, n_times, params.dropout, params.attention_dropout)

    @abstractmethod
    def attention(self, epochs: Tensor) -> Tensor:
        """How much each channel takes from each other one.

        Parameters
        ----------
        epochs : Tensor, shape (n_epochs, n_channels, n_times)

        Returns
        -------
        Tensor, shape (n_epochs, n_channels, n_channels)
            Row c holds the weights of channel c's mean: positive, with sum 1.
        """

    @abstractmethod
    def averaged_values(self, epochs: Tensor, means: Tensor) -> Tensor:
        """Moving means of what is handed from channel to channel.

        Parameters
        ----------
        epochs : Tensor, shape (n_epochs, n_channels, n_times)
        means : Tensor, shape (n_epochs, n_channels, n_times - 50)
            Their moving means.

        Returns
        -------
        Tensor, shape of `means`
        """

    def mixed_means(self, epochs: Tensor) -> Tensor:
        """Moving means of the epochs after attention, shape (n_epochs, n_channels, n_times - 50)."""
        means = moving_mean(epochs)
        weights = self.attention_dropout(self.attention(epochs))
        return means + weights @ self.averaged_values(epochs, means)

    def forward(self, prepared: Tensor, subject: Tensor | None = None) -> Tensor:
        """Encode a batch of epochs of shape (n_epochs, n_channels, n_times); shape (n_epochs, dim).

        Raises
        ------
        ValueError
            If the shape is another one.
        """
        self.tsconv.require_epochs(prepared)
        return self.tsconv(self.mixed_means(prepared.to(self.tsconv.temporal.weight.dtype)))


def require_channels(n_channels: int) -> None:
    """Raise InputError where there is no other channel to attend to."""
    if n_channels < 2:
        raise InputError(
            f"attention between channels (encoder.name: tsconv-sa, tsconv-ga, atm) needs at least 2 channels, "
            f"these epochs have {n_channels}; set encoder.name: tsconv"
        )
