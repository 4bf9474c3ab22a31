"""What channel attribution explains: how far the shown item is ahead of the gallery's other items.

For a response x with embedding q(x), and the gallery's unit vectors g:

    score(x) = q(x) · d,   d = (mean of the g that match − mean of the others) / |q(x₀)|,   x₀ the response itself

At x₀ that is the cosine with the match less the mean cosine with the others: what log-softmax over the gallery comes
to as its temperature grows, without a temperature to choose, and without its flattening where a match is sure. The
cosine with the match alone would also credit what raises all items alike and finds nothing. An embedding's length moves
all cosines of a query together, so it ranks nothing: it is held at x₀'s.
"""

import numpy as np
import torch
from torch import Tensor, nn

from pipeline_lib.retrieval.galleries import Gallery
from pipeline_lib.training.base import Model


class BrainScore(nn.Module):
    """The score of responses, each along a direction of its own.

    Parameters
    ----------
    model : Model
    known : int or None
        The person's row among the training subjects, if any.
    """

    def __init__(self, model: Model, known: int | None) -> None:
        super().__init__()
        self.model, self.known = model, known

    def embed(self, responses: Tensor) -> Tensor:
        """Embeddings of responses of shape (n, n_channels, n_times), with gradients; shape (n, dim)."""
        subject = None if self.known is None else torch.full((len(responses),), self.known)
        return self.model.embed_brain(self.model.encoder.prepare(responses), subject)

    def forward(self, responses: Tensor, directions: Tensor) -> Tensor:
        """q(x) · d for each response and its direction; shape (n,)."""
        return (self.embed(responses) * directions).sum(1)


def directions(score: BrainScore, responses: Tensor, gallery: Gallery, shown: np.ndarray) -> Tensor:
    """d for each response.

    Parameters
    ----------
    score : BrainScore
    responses : Tensor, shape (n, n_channels, n_times)
    gallery : Gallery
    shown : ndarray of int, shape (n,)
        The row of each response's image among the test images, the rows of ``gallery.relevant``.

    Returns
    -------
    Tensor, shape (n, dim)
    """
    relevant = gallery.relevant[shown].astype(np.float64)
    others = 1 - relevant
    found = [part @ gallery.embeddings / np.maximum(part.sum(1, keepdims=True), 1) for part in (relevant, others)]
    with torch.no_grad():
        embedded = score.embed(responses)
    return torch.from_numpy(found[0] - found[1]).to(embedded.dtype) / embedded.norm(dim=1, keepdim=True)
