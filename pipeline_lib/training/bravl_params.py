"""Section `bravl` of params.yaml, and what it asks of other sections."""

from typing import Annotated

from pydantic import Field, PositiveInt

from pipeline_lib.common.errors import InputError, bad_value, listed
from pipeline_lib.common.params import Section
from pipeline_lib.encoders.params import EncoderParams
from pipeline_lib.objectives.params import BRAVL_OBJECTIVES, LossParams
from pipeline_lib.training.params import TargetParams

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class ClassifierParams(Section):
    """The support vector machine on latents, :class:`pipeline_lib.retrieval.latent_classifier.LatentClassifier`.

    Attributes
    ----------
    samples : int
        Latents drawn per gallery item.
    c, gamma : float
        Of scikit-learn's SVC with a radial kernel.
    """

    samples: PositiveInt
    c: Positive
    gamma: Positive


class BravlParams(Section):
    """BraVL, :mod:`pipeline_lib.training.bravl_model`.

    Attributes
    ----------
    enabled : bool
        Whether it is trained, in place of a contrastive model.
    hidden, layers : int
        Units and number of the hidden layers of each encoder and decoder.
    latent_dim : int
    deviation : float
        s of all likelihoods N(x̂, s² I), in units of the scaled inputs.
    beta_per_epoch : float
        β is this times the epochs done, 1 at most.
    lambda_intra, lambda_inter : float
        What the objectives ``intra-information`` and ``inter-information`` are multiplied by, besides a balancer's
        weight.
    contrast_samples : int
        K of the χ upper bound.
    image_components : int or None
        Principal components of the image features, at most; None takes the features themselves.
    classifier : ClassifierParams
    """

    enabled: bool
    hidden: PositiveInt
    layers: PositiveInt
    latent_dim: PositiveInt
    deviation: Positive
    beta_per_epoch: Weight
    lambda_intra: Weight
    lambda_inter: Weight
    contrast_samples: PositiveInt
    image_components: PositiveInt | None
    classifier: ClassifierParams


def check_bravl(bravl: BravlParams, target: TargetParams, encoder: EncoderParams, loss: LossParams) -> None:
    """Refuse values of other sections that do not go with `bravl`.

    Raises
    ------
    InputError
        Naming the first such value.
    """
    own = [name for name in loss.objectives if name in BRAVL_OBJECTIVES]
    if not bravl.enabled:
        if own:
            raise InputError(
                f"loss.objectives: {listed(own)} are objectives of BraVL, and bravl.enabled is false; set it to true, "
                "or name others"
            )
        return
    if len(own) < len(loss.objectives) or "elbo" not in own:
        cure = "the preset bravl sets them"
        allowed = f"elbo and, if wanted, {listed(BRAVL_OBJECTIVES[1:])}, since bravl.enabled is true"
        raise bad_value("loss.objectives", listed(loss.objectives), allowed, cure=cure)
    if encoder.name != "flat":
        raise bad_value("encoder.name", encoder.name, "'flat', since bravl.enabled is true: BraVL encodes flat epochs")
    if not isinstance(target.layer, str):
        raise bad_value("target.layer", target.layer, "one layer, since bravl.enabled is true: BraVL mixes none")
