"""Which channels, and when, put the shown image ahead of the others, by Captum (Kokhlikyan et al., 2020).

For a response x, the baseline 0 and the score s of :mod:`pipeline_lib.analysis.retrieval_score`:

    integrated gradients:  a = x ⊙ ∫₀¹ ∇s(αx) dα    Sundararajan, Taly & Yan, ICML 2017; Gauss-Legendre in `steps`
    DeepLIFT:              a = x ⊙ m                Shrikumar, Greenside & Kundaje, ICML 2017; rescale rule

m is the gradient with every nonlinearity f's slope replaced by (f(z(x)) − f(z(0))) / (z(x) − z(0)). Both are complete:
Σ a = s(x) − s(0). On a linear model w both are exactly w ⊙ x.

The baseline is 0, and not the mean response that fills masks (:mod:`pipeline_lib.analysis.masking`): where all images
are queries each is right once and otherwise wrong as often, so that any one response, whatever it is, scores about 0
in the mean, and adds nothing to the mean contribution. On the phantom (sub-01, both protocols) the mean response as the
baseline moves no region's share of the contribution by more than 0.005.

Attributions are of the input that the model sees. Of whitened responses x = W v, those of the sensors v would be
v ⊙ Wᵀ∇s, with the same sum. They answer another question: Wᵀ∇s is a filter, and filters weigh sensors without any
signal, to cancel noise that they share with others (Haufe et al., NeuroImage 2014). In whitened channels noise is equal
and unshared, so there a weight means signal, and W = Σ^(−1/2) is the whitening that keeps each channel closest to the
sensor whose name it bears. So nothing is mapped back.
"""

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pipeline_lib.analysis.context import Context
from pipeline_lib.analysis.params import AttributionParams
from pipeline_lib.analysis.rescale_twin import RescaleTwin, why_no_twin
from pipeline_lib.analysis.retrieval_score import BrainScore, directions
from pipeline_lib.analysis.segments import map_rows, segments
from pipeline_lib.analysis.topographies import why_no_maps
from pipeline_lib.common.joins import rows_of
from pipeline_lib.retrieval.galleries import build_gallery
from pipeline_lib.retrieval.matching import CosineMatcher
from pipeline_lib.retrieval.opened_runs import OpenedRun

COLUMNS = ("start", "stop", "ch_name", "x", "y", "attribution", "contribution")
VALUES_AT_ONCE = 1 << 24  # of all responses on all steps: 64 MiB
SMALL = 1e-6  # differences below it are rounding, and DeepLIFT takes the slope


def attribution(run: OpenedRun, context: Context) -> pd.DataFrame:
    """Attribution of the score to each channel in each window of ``analysis.time.width``.

    Returns
    -------
    DataFrame
        :data:`COLUMNS`. ``attribution``: the absolute values, summed over the window's samples, mean over queries, as a
        share of the total over all windows and channels; noise has its part in it, everywhere. ``contribution``: the
        same with signs, in units of the score (a difference of cosines): noise cancels, and the sum over all windows
        and channels is the mean of s(x) − s(0). Empty where :func:`why_no_attribution` says why.
    """
    if why_no_attribution(run, context):
        return pd.DataFrame(columns=COLUMNS)
    params, store = context.params, run.store
    found = run_attributions(run, context).astype(np.float64)
    parts = segments(store, params.time.width)
    size, signed = np.abs(found).mean(axis=0), found.mean(axis=0)
    absolute = np.stack([size[:, part.samples].sum(axis=1) for part in parts])
    contribution = np.stack([signed[:, part.samples].sum(axis=1) for part in parts])
    share = absolute / max(absolute.sum(), np.finfo(float).tiny)
    return map_rows(parts, store.ch_names, attribution=share, contribution=contribution)


def why_no_attribution(run: OpenedRun, context: Context) -> str:
    """Why a run has no attribution; empty where it has."""
    method = context.params.attribution.method
    if method == "none":
        return "analysis.attribution.method is none"
    if not isinstance(run.matcher, CosineMatcher):
        return "items are told apart by a support vector machine fitted to drawn latents: no score with a gradient"
    return why_no_maps(run) or (why_no_twin(run.model) if method == "deeplift" else "")


def run_attributions(run: OpenedRun, context: Context) -> np.ndarray:
    """Attributions of at most ``analysis.attribution.queries`` queries, evenly spread; (n, n_channels, n_times)."""
    n_queries = len(run.responses)
    chosen = np.unique(np.linspace(0, n_queries - 1, context.params.attribution.queries).round().astype(int))
    responses = torch.from_numpy(run.responses[chosen])
    shown = rows_of([run.shown[row] for row in chosen], run.image_ids, what=str(run.store.path))
    score = BrainScore(run.model, run.card.training_row(run.subject))
    along = directions(score, responses, build_gallery(context.params.gallery, run.targets), shown)
    return attributions(score, responses, along, context.params.attribution)


def attributions(score: BrainScore, responses: Tensor, along: Tensor, params: AttributionParams) -> np.ndarray:
    """Attribution of each response's score to each of its values.

    Parameters
    ----------
    score : BrainScore
    responses : Tensor, shape (n, n_channels, n_times)
    along : Tensor, shape (n, dim)
        From :func:`~pipeline_lib.analysis.retrieval_score.directions`.
    params : AttributionParams

    Returns
    -------
    ndarray of float32, shape (n, n_channels, n_times)
    """
    attribute = METHODS[params.method]
    at_once = max(1, VALUES_AT_ONCE // (responses[0].numel() * params.steps))
    pairs = zip(responses.split(at_once), along.split(at_once), strict=True)
    return torch.cat([attribute(score, part, directed, params.steps).detach() for part, directed in pairs]).numpy()


def integrated_gradients(score: BrainScore, responses: Tensor, along: Tensor, steps: int) -> Tensor:
    """By Captum's IntegratedGradients; see :func:`attributions`."""
    from captum.attr import IntegratedGradients

    return IntegratedGradients(score).attribute(responses, additional_forward_args=(along,), n_steps=steps)


def deeplift(score: BrainScore, responses: Tensor, along: Tensor, steps: int) -> Tensor:
    """By Captum's DeepLift on the model's twin; takes no steps. See :func:`attributions`."""
    from captum.attr import DeepLift
    from captum.attr._core.deep_lift import SUPPORTED_NON_LINEAR, nonlinear

    SUPPORTED_NON_LINEAR.setdefault(torch.nn.GELU, nonlinear)
    twin = RescaleTwin(score.model)
    along, inputs = twin.before_norm(responses, along), responses.clone().requires_grad_()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Setting forward, backward hooks", UserWarning)
        explainer = DeepLift(twin, eps=SMALL)
        return explainer.attribute(inputs, torch.zeros_like(inputs), additional_forward_args=(along,))


METHODS: dict[str, Callable[[BrainScore, Tensor, Tensor, int], Tensor]] = {
    "integrated-gradients": integrated_gradients,
    "deeplift": deeplift,
}
