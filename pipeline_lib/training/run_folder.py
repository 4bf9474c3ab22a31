"""A trained model is one folder: weights, what they mean, how its data were treated, the history, and the parameters.

``model.safetensors`` · ``model.json`` (:mod:`~pipeline_lib.training.model_card`) · ``preprocessing.safetensors``
(:mod:`~pipeline_lib.recordings.fitted`) · ``history.csv`` · ``params.yaml`` (resolved).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.params import Section, read_params, validated
from pipeline_lib.encoders.params import EncoderParams
from pipeline_lib.objectives.params import LossParams
from pipeline_lib.recordings.fitted import FILE as FITTED
from pipeline_lib.recordings.fitted import Fitted, load_fitted, save_fitted
from pipeline_lib.training.base import Model
from pipeline_lib.training.bravl_params import BravlParams
from pipeline_lib.training.model_card import CURE, FORMAT, ModelCard, read_card
from pipeline_lib.training.models import build_model_of
from pipeline_lib.training.params import TargetParams, TrainParams

WEIGHTS = "model.safetensors"
CARD = "model.json"
PARAMS = "params.yaml"
SECTIONS: dict[str, type[Section]] = {
    "target": TargetParams,
    "encoder": EncoderParams,
    "loss": LossParams,
    "train": TrainParams,
    "bravl": BravlParams,
}


def save_run(
    folder: Path,
    model: Model,
    card: ModelCard,
    params: dict[str, Any],
    history: list[dict[str, float]],
    people: Mapping[str, Fitted],
) -> None:
    """Write a run folder; `folder` must not exist; `people` are those of the card's ``trained_on``."""
    folder.mkdir(parents=True)
    save_file({name: value.contiguous().cpu() for name, value in model.state_dict().items()}, folder / WEIGHTS)
    (folder / CARD).write_text(json.dumps({"format": FORMAT, **asdict(card)}, indent=1) + "\n", encoding="utf-8")
    save_fitted(folder, people)
    (folder / PARAMS).write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    pd.DataFrame(history).to_csv(folder / "history.csv", index=False, float_format="%.6g", lineterminator="\n")


def load_run(folder: Path) -> tuple[Model, ModelCard, dict[str, Any]]:
    """Rebuild the model of a run folder, in evaluation mode on the CPU.

    Returns
    -------
    model : Model
    card : ModelCard
    params : dict
        The sections ``target``, ``encoder``, ``loss``, ``train`` and ``bravl``, as plain values.

    Raises
    ------
    InputError
        If the folder or one of its files is missing, damaged or of another format, or tensors do not fit.
    """
    _check_there(folder / CARD)
    card = read_card(folder / CARD)
    for name in (PARAMS, WEIGHTS, FITTED):
        _check_there(folder / name)
    params = _params_of(folder / PARAMS)
    for subject in card.trained_on:
        load_fitted(folder, subject, n_channels=card.shapes.n_channels)
    model = _built(card, params, folder / PARAMS)
    model.load_state_dict(_weights_for(model, folder / WEIGHTS))
    return model.eval(), card, params


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"{path}: no such file; run 'dvc repro' to train the model")


def _params_of(path: Path) -> dict[str, Any]:
    try:
        params = read_params(path)
    except (UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not valid YAML ({error}); {CURE}") from None
    for name, schema in SECTIONS.items():
        validated(params, name, schema, where=str(path))
    return params


def _built(card: ModelCard, params: dict[str, Any], path: Path) -> Model:
    try:
        return build_model_of(card.kind, params, card.shapes, card.feature_scale)
    except (RuntimeError, MemoryError) as error:
        raise InputError(f"{path}: no model of {card.shapes} can be built: {error}; {CURE}") from None


def _weights_for(model: Model, path: Path) -> dict[str, Tensor]:
    try:
        weights = load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a whole safetensors file ({error}); {CURE}") from None
    wanted = model.state_dict()
    for name in sorted(wanted.keys() | weights.keys()):
        if problem := _misfit(weights.get(name), wanted.get(name)):
            raise InputError(f"{path}: weights do not fit the model: tensor {name} {problem}; {CURE}")
    return weights


def _misfit(found: Tensor | None, wanted: Tensor | None) -> str:
    """What is wrong with a tensor; empty where nothing is."""
    if found is None or wanted is None:
        return "is missing" if found is None else "is none of its"
    if (found.shape, found.dtype) != (wanted.shape, wanted.dtype):
        forms = (f"{tensor.dtype} of shape {tuple(tensor.shape)}" for tensor in (found, wanted))
        return "is {}, expected {}".format(*forms)
    return "" if torch.isfinite(found).all() else "is not finite"
