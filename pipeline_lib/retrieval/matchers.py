"""From a run folder to how its model's responses are matched: a new kind of model is a line here."""

from collections.abc import Callable, Mapping
from typing import Any

from pipeline_lib.retrieval.latent_classifier import LatentClassifier
from pipeline_lib.retrieval.matching import CosineMatcher, Matcher
from pipeline_lib.training.bravl_params import BravlParams
from pipeline_lib.training.run_folder import ModelCard

MATCHERS: dict[str, Callable[[ModelCard, Mapping[str, Any]], Matcher]] = {
    "alignment": lambda card, params: CosineMatcher(),
    "bravl": lambda card, params: LatentClassifier(
        BravlParams.model_validate(params["bravl"]).classifier, seed=card.seed
    ),
}


def matcher_of(card: ModelCard, params: Mapping[str, Any]) -> Matcher:
    """The matcher of a trained model, from what its run folder holds besides the weights."""
    return MATCHERS[card.kind](card, params)
