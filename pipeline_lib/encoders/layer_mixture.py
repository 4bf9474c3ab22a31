"""Several layers of a vision model as one target, in the proportion that suits each person (as SAMGA does)."""

import torch
from torch import Tensor, nn


class LayerMixture(nn.Module):
    """Σ_l softmax(a_s)_l x_l over the layers l, with scores a_s learned for each training subject s.

    For a person who was not trained on, the scores are the mean over the training subjects', so what is learned about
    people in general needs no parameters of its own. All scores start at zero: an even mixture. SAMGA's paper gives
    the idea, the reading is ours.

    Parameters
    ----------
    n_layers, n_subjects : int
    """

    def __init__(self, n_layers: int, n_subjects: int) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(n_subjects, n_layers))

    def weights(self, subject: Tensor | None = None) -> Tensor:
        """The layers' shares, which sum to 1.

        Parameters
        ----------
        subject : Tensor of int, shape (n_items,) or (), optional
            The row of the training subject. Defaults to a person who was not trained on.

        Returns
        -------
        Tensor, shape (n_items, n_layers), or (n_layers,) for one subject or none
        """
        scores = self.scores.mean(0) if subject is None else self.scores[subject]
        return torch.softmax(scores, dim=-1)

    def forward(self, features: Tensor, subject: Tensor | None = None) -> Tensor:
        """Mix the layers of each item.

        Parameters
        ----------
        features : Tensor, shape (n_items, n_layers, dim)
        subject : Tensor of int, shape (n_items,) or (), optional
            As for :meth:`weights`.

        Returns
        -------
        Tensor, shape (n_items, dim)

        Raises
        ------
        ValueError
            If the features have another number of layers.
        """
        n_layers = self.scores.shape[1]
        if features.ndim != 3 or features.shape[1] != n_layers:
            raise ValueError(f"features must have shape (n_items, {n_layers}, dim), got {tuple(features.shape)}")
        return (self.weights(subject).unsqueeze(-1) * features).sum(1)
