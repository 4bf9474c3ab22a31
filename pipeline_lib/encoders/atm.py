"""ATM-S: a transformer over channels, then TSConv.

Each channel is a token as wide as the epoch is long, and one more token stands for the subject:

    tokens = [σ_s; W x_1 + p_1; …; W x_C + p_C]    W (n_times × n_times), p_c a learned position of the channel
    tokens = TransformerLayer(Dropout(tokens))     one layer, 4 heads, 256 wide between its linear maps
    output = TSConv(the tokens of the C channels)

The subject's token is σ_s = σ + δ_s for training subject s, δ starting at 0, and σ for anybody else: σ is trained
by all subjects, where the released system has one token per subject and, for the rest, one that is never trained.
(In single-subject training δ adds nothing.) Two more differences: positions are learned, not sines, and the released
system cuts the tokens at C, so the subject's goes on and the last channel's is lost, which
``encoder.atm.drop_last_channel: true`` reproduces. Its dropout is 0.25 (``encoder.attention_dropout``).

A token is no linear function of the epoch, so nothing but the epochs can be prepared; the moving mean that TSConv
starts with is taken of the tokens, at every step.

Source: Li et al., Visual decoding and reconstruction via EEG embeddings with guided diffusion, NeurIPS 2024.
"""

from typing import Self

import torch
from torch import Tensor, nn

from pipeline_lib.encoders.base import Encoder, initialize
from pipeline_lib.encoders.channel_attention import require_channels
from pipeline_lib.encoders.moving_mean import moving_mean
from pipeline_lib.encoders.params import EncoderParams
from pipeline_lib.encoders.transformer_layer import TransformerLayer
from pipeline_lib.encoders.tsconv import TSConv

HEADS = 4
HIDDEN = 256
STARTING_DEVIATION = 0.02


class Atm(Encoder):
    """ATM-S up to its projection head.

    Parameters
    ----------
    n_channels, n_times : int
        Shape of an epoch: at least 2 channels, at least 75 samples.
    n_subjects : int
        Training subjects.
    dropout : float
        Inside TSConv.
    attention_dropout : float
        Of the tokens and inside the transformer layer.
    drop_last_channel : bool
        Whether the subject's token takes the place of the last channel. Defaults to False.

    Raises
    ------
    InputError
        If there are too few channels or samples.
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        n_subjects: int,
        dropout: float,
        attention_dropout: float,
        drop_last_channel: bool = False,
    ) -> None:
        super().__init__()
        require_channels(n_channels)
        self.tsconv = TSConv(n_channels, n_times, dropout)
        self.dim = self.tsconv.dim
        self.kept = slice(0, n_channels) if drop_last_channel else slice(1, n_channels + 1)
        self.embedding = nn.Linear(n_times, n_times, bias=False)
        initialize(self.embedding)
        self.positions = nn.Parameter(STARTING_DEVIATION * torch.randn(n_channels, n_times))
        self.shared_token = nn.Parameter(STARTING_DEVIATION * torch.randn(n_times))
        self.subject_tokens = nn.Parameter(torch.zeros(n_subjects, n_times))
        self.token_dropout = nn.Dropout(attention_dropout)
        self.layer = TransformerLayer(n_times, HEADS, HIDDEN, attention_dropout)

    @classmethod
    def build(cls, params: EncoderParams, n_channels: int, n_times: int, n_subjects: int) -> Self:
        """Subjects have tokens of their own."""
        return cls(
            n_channels, n_times, n_subjects, params.dropout, params.attention_dropout, params.atm.drop_last_channel
        )

    def forward(self, prepared: Tensor, subject: Tensor | None = None) -> Tensor:
        """Encode a batch of epochs.

        Parameters
        ----------
        prepared : Tensor, shape (n_epochs, n_channels, n_times)
        subject : Tensor of int, shape (n_epochs,), or None
            Rows of the training subjects. Defaults to None: somebody else.

        Returns
        -------
        Tensor, shape (n_epochs, dim)

        Raises
        ------
        ValueError
            If a shape is another one.
        """
        self.tsconv.require_epochs(prepared)
        channels = self.embedding(prepared.to(self.positions.dtype)) + self.positions
        tokens = torch.cat([self._subject_token(len(prepared), subject), channels], dim=1)
        return self.tsconv(moving_mean(self.layer(self.token_dropout(tokens))[:, self.kept]))

    def _subject_token(self, n_epochs: int, subject: Tensor | None) -> Tensor:
        """One token per epoch, shape (n_epochs, 1, n_times)."""
        if subject is None:
            return self.shared_token.expand(n_epochs, 1, -1)
        if subject.shape != (n_epochs,):
            raise ValueError(f"subject must have shape ({n_epochs},), got {tuple(subject.shape)}")
        return (self.shared_token + self.subject_tokens[subject])[:, None, :]
