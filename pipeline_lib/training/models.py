"""The kinds of model; what a batch costs each is told in `losses.py`."""

from collections.abc import Mapping
from typing import Any

from pipeline_lib.training.base import Model, Shapes
from pipeline_lib.training.bravl_model import BravlModel
from pipeline_lib.training.model import AlignmentModel

MODELS: dict[str, type[Model]] = {kind.kind: kind for kind in (AlignmentModel, BravlModel)}


def build_model_of(kind: str, params: Mapping[str, Any], shapes: Shapes, feature_scale: str) -> Model:
    """A model of one kind with fresh weights.

    Parameters
    ----------
    kind : str
        A key of :data:`MODELS`.
    params : mapping of str to dict
        Sections of params.yaml, as plain values.
    shapes : Shapes
    feature_scale : {"none", "unit", "zscore"}
    """
    return MODELS[kind].build(params, shapes, feature_scale)
