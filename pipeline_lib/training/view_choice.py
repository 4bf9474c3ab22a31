"""One of several views of an image for each training sample: the less sure its match, the more blurred (UBP).

After each step, for every sample i that took part in it,

    s_i ← m c_i + (1 − m) s_i,    c_i = cos(brain_i, image_i),    s_i = c_i the first time,

and then, for all samples seen so far, with their mean μ and standard deviation σ of s,

    view_i = middle + trunc((μ − s_i) / (d σ)),    kept within the list of views.

m is ``momentum``, d ``deviations``; views are listed from least to most blurred. So a sample whose similarity is more
than d σ below the mean is matched with a more blurred view, one more than d σ above with a less blurred one, and all
others, and whatever has not been seen, with the middle one. The source is UBP (Wu and others, CVPR 2025), with low,
medium and high blur, m = 0.3 and d = 1.96: an interval that 95 % of normally distributed similarities lie in.

Readings. A view follows straight from where s_i lies, not by steps from the last one; of more than three views, each
further d σ is one view further (UBP has three). A sample is a person's response to an image: with several persons, or
single trials, one image can be matched with several views at once. What is compared is the running mean, with the
spread over all samples; UBP's released program compares the newest similarity with the spread within its batch, takes
similarities times the logit scale, and lets validation and test change the means. Here training steps alone do.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from pipeline_lib.training.params import UncertaintyParams, middle

LEAST_DEVIATION = 1e-6  # of cosines: below it all samples are alike but for rounding


class ViewChoice:
    """The view that each training sample is matched with.

    Parameters
    ----------
    params : UncertaintyParams
    views : sequence of str
        From least to most blurred.
    n_samples : int
    device : torch.device

    Attributes
    ----------
    view : Tensor of int, shape (n_samples,)
        By its place in `views`.
    """

    def __init__(self, params: UncertaintyParams, views: Sequence[str], n_samples: int, device: torch.device) -> None:
        self.params, self.views = params, list(views)
        self.similarity = torch.zeros(n_samples, device=device)
        self.seen = torch.zeros(n_samples, dtype=torch.bool, device=device)
        self.view = torch.full((n_samples,), middle(len(views)), device=device)

    @torch.no_grad()
    def update(self, rows: Tensor, brain: Tensor, image: Tensor) -> None:
        """Take in what a training step found.

        Parameters
        ----------
        rows : Tensor of int, shape (n_rows,)
            The step's samples, none twice.
        brain, image : Tensor, shape (n_rows, dim)
            Their embeddings, of any length.
        """
        found, share = torch.cosine_similarity(brain, image), self.params.momentum
        before = self.similarity[rows]
        self.similarity[rows] = torch.where(self.seen[rows], share * found + (1 - share) * before, found)
        self.seen[rows] = True
        self.view = self._chosen()

    def shares(self, rows: Tensor) -> dict[str, Tensor]:
        """Of some samples, the share that each view has, by ``view/<name>``."""
        return {f"view/{name}": (self.view[rows] == i).float().mean() for i, name in enumerate(self.views)}

    def state_dict(self) -> dict[str, Tensor]:
        """All that the next choices depend on."""
        return {"similarity": self.similarity, "seen": self.seen, "view": self.view}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take up a state that :meth:`state_dict` gave, on the right device."""
        self.similarity, self.seen, self.view = (state[name].clone() for name in ("similarity", "seen", "view"))

    def _chosen(self) -> Tensor:
        # Masks rather than picked rows, whose number a GPU would have to tell first.
        n_seen = self.seen.sum()
        mean = self.similarity.sum() / n_seen
        below = (mean - self.similarity) * self.seen
        deviation = (below.square().sum() / (n_seen - 1).clamp_min(1)).sqrt().clamp_min(LEAST_DEVIATION)
        # One similarity that is NaN makes all NaN. The trainer says so after the epoch; till then views have to exist.
        steps = (below / (self.params.deviations * deviation)).trunc().nan_to_num()
        return (middle(len(self.views)) + steps).clamp(0, len(self.views) - 1).long()
