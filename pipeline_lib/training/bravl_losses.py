"""What a batch costs BraVL.

With λ's of section ``bravl``, the objectives are

    elbo                −E_q [Σ_m log p(x_m | z)] + β D
    intra-information   −λ_intra Σ_m E_q [log Q(z | x̂_m)]
    inter-information   λ_inter (−ELBO with β = 1 + log evidence of a mismatched item)

(:mod:`pipeline_lib.objectives.elbo`, :mod:`pipeline_lib.objectives.mutual_information`), means over the batch. Equal
weights of a static balancer give BraVL's sum.

Readings: each item draws one component of its joint posterior, and one latent of it, for all terms (the released code
gives equal stretches of the batch to the components); a mismatched item draws one component too, and its evidence is
bounded with that component's density. In validation the expectation is over all components, with the same noise in
every epoch, β is 1, and nothing but the ELBO counts.
"""

import torch
from torch import Tensor

from pipeline_lib.encoders.gaussians import Gaussian, mixture_of_products
from pipeline_lib.objectives.elbo import joint_divergence, log_density, log_likelihood, standard_log_density
from pipeline_lib.objectives.mutual_information import chi_upper_bound, mismatches
from pipeline_lib.objectives.normalize import Embeddings
from pipeline_lib.training.bravl_model import BravlModel
from pipeline_lib.training.data import TrainingData
from pipeline_lib.training.distributed import Processes
from pipeline_lib.training.precision import autocast
from pipeline_lib.training.settings import Settings

VALIDATED_AT_ONCE = 1000
VALIDATION_SEED = 0

Inputs = dict[str, Tensor]


def bravl_losses(
    model: BravlModel,
    settings: Settings,
    data: TrainingData,
    rows: Tensor,
    processes: Processes,
    view: Tensor | None = None,
) -> tuple[dict[str, Tensor], Embeddings]:
    """As :func:`pipeline_lib.training.forward.batch_losses`, for BraVL.

    In training mode each process computes its share of the items, mismatched among themselves. In evaluation mode the
    losses are ``elbo`` alone.
    """
    if not model.training:
        return _validation_losses(model, settings, data, rows)
    own = processes.share(rows)
    inputs = _inputs(model, data, own, view)
    with autocast(settings.train.precision, rows.device):
        experts = model.posteriors(inputs)
        terms = _terms(model, inputs, experts)
        if wants_contrast := "inter-information" in settings.loss.objectives:
            terms |= mismatched_evidence(model, inputs, data.item[own])
    whole = {name: processes.gather(values, len(rows)) for name, values in terms.items()}
    means = {name: processes.gather(expert.mean, len(rows)) for name, expert in experts.items()}
    negative = (whole["divergence"] - whole["likelihood"]).mean()
    losses = {"elbo": (model.beta * whole["divergence"] - whole["likelihood"]).mean()}
    losses["intra-information"] = -model.params.lambda_intra * whole["guess"].mean()
    if wants_contrast:
        mismatched = (whole["bound"] * whole["counts"]).sum() / whole["counts"].sum().clamp_min(1)
        losses["inter-information"] = model.params.lambda_inter * (negative + mismatched)
    return {name: losses[name] for name in settings.loss.objectives}, _embeddings(means)


def mismatched_evidence(model: BravlModel, inputs: Inputs, image: Tensor) -> dict[str, Tensor]:
    """Take some modalities of each item from other items, and bound the log evidence of what comes out.

    Parameters
    ----------
    model : BravlModel
    inputs : dict of str to Tensor, shape (n_items, width)
    image : Tensor of int, shape (n_items,)
        Which image each item is a sample of.

    Returns
    -------
    dict of str to Tensor, shape (n_items,)
        ``bound``, and ``counts``, 1 where the item is mismatched, else 0.
    """
    source, counts = mismatches(image, len(inputs))
    mixed = {name: inputs[name][rows] for name, rows in zip(inputs, source, strict=True)}
    q = _drawn(mixture_of_products(model.posteriors(mixed)))
    z = q.sample(torch.randn(model.params.contrast_samples, *q.mean.shape, device=image.device, dtype=q.mean.dtype))
    log_weights = _likelihood(model, mixed, z) + standard_log_density(z) - log_density(z, q)
    return {"bound": chi_upper_bound(log_weights), "counts": counts.to(q.mean.dtype)}


def validation_elbo(model: BravlModel, inputs: Inputs, noise: Tensor) -> Tensor:
    """The ELBO with β = 1 of each item, over all components of the joint posterior.

    Parameters
    ----------
    model : BravlModel
    inputs : dict of str to Tensor, shape (n_items, width)
    noise : Tensor, shape (n_components, n_items, latent_dim)

    Returns
    -------
    Tensor, shape (n_items,)
    """
    joint = mixture_of_products(model.posteriors(inputs))
    return _likelihood(model, inputs, joint.sample(noise)).mean(0) - joint_divergence(joint)


def _terms(model: BravlModel, inputs: Inputs, experts: dict[str, Gaussian]) -> dict[str, Tensor]:
    """Per item: log-likelihood and guess of one latent, and the divergence of the joint posterior."""
    joint = mixture_of_products(experts)
    drawn = _drawn(joint)
    z = drawn.sample(torch.randn_like(drawn.mean))
    reconstructed = model.decode(z)
    guesses = [(z, model.guesses[name](part)) for name, part in reconstructed.items()]
    deviation = model.params.deviation
    return {
        "likelihood": log_likelihood([(inputs[name], part) for name, part in reconstructed.items()], deviation),
        "divergence": joint_divergence(joint),
        "guess": log_likelihood(guesses, deviation),
    }


def _drawn(joint: Gaussian) -> Gaussian:
    n_components, n_items, _ = joint.mean.shape
    return joint.chosen(torch.randint(n_components, (n_items,), device=joint.mean.device))


def _likelihood(model: BravlModel, inputs: Inputs, z: Tensor) -> Tensor:
    pairs = [(inputs[name], part) for name, part in model.decode(z).items()]
    return log_likelihood(pairs, model.params.deviation)


def _validation_losses(
    model: BravlModel, settings: Settings, data: TrainingData, rows: Tensor
) -> tuple[dict[str, Tensor], Embeddings]:
    n_components, latent_dim = 2 ** len(model.vaes) - 1, model.params.latent_dim
    generator = torch.Generator().manual_seed(VALIDATION_SEED)
    noise = torch.randn(len(rows), n_components, latent_dim, generator=generator).to(rows.device)
    bounds, means = [], []
    for part, eps in zip(rows.split(VALIDATED_AT_ONCE), noise.split(VALIDATED_AT_ONCE), strict=True):
        inputs = _inputs(model, data, part)
        with autocast(settings.train.precision, rows.device):
            bounds.append(validation_elbo(model, inputs, eps.transpose(0, 1)))
            means.append({name: expert.mean for name, expert in model.posteriors(inputs).items()})
    joined = {name: torch.cat([part[name] for part in means]) for name in means[0]}
    return {"elbo": -torch.cat(bounds).mean()}, _embeddings(joined)


def _inputs(model: BravlModel, data: TrainingData, rows: Tensor, view: Tensor | None = None) -> Inputs:
    features, items = data.features, data.item[rows]
    text = None if features.text is None else features.text[items].float()
    image = features.image_of(items, None if view is None else view[rows])
    return model.inputs(data.brain[rows].float(), image.float(), text)


def _embeddings(means: dict[str, Tensor]) -> Embeddings:
    """The posteriors' means, for balancers that compare modalities; there is no temperature."""
    return Embeddings(means["brain"], means["image"], means.get("text"), torch.ones((), device=means["brain"].device))
