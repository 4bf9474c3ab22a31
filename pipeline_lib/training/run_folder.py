"""A trained model is one folder: weights, what they mean, the history, and the parameters.

``model.safetensors`` · ``model.json`` (kind, shapes, channels, target) · ``history.csv`` · ``params.yaml`` (resolved).
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from pipeline_lib.common.errors import InputError, bad_value
from pipeline_lib.training.base import Model, Shapes
from pipeline_lib.training.models import MODELS, build_model_of

FORMAT = 2
WEIGHTS = "model.safetensors"
CARD = "model.json"
PARAMS = "params.yaml"


@dataclass(frozen=True)
class ModelCard:
    """What a model's weights mean.

    Attributes
    ----------
    protocol : {"intra", "inter"}
    subject : str
        Who was trained on (intra) or left out (inter).
    trained_on : list of str
    seed, best_epoch : int
    shapes : Shapes
    ch_names : list of str
    sfreq : float or None
        Hz; None for responses without a time axis.
    tmin : float
        Seconds from onset to the first sample.
    whitening : str
    target_view : str or list of str
    target_views : {"mean", "uncertainty"}
        What several views were in training, :class:`pipeline_lib.training.params.TargetParams`.
    target_layer : str or list of str
    gallery_view : str or list of str
        The view of the images that are searched; of several the mean.
    feature_scale : str
    kind : str
        A key of :data:`pipeline_lib.training.models.MODELS`.
    """

    protocol: str
    subject: str
    trained_on: list[str]
    seed: int
    best_epoch: int
    shapes: Shapes
    ch_names: list[str]
    sfreq: float | None
    tmin: float
    whitening: str
    target_view: str | list[str]
    target_views: str
    target_layer: str | list[str]
    gallery_view: str | list[str]
    feature_scale: str
    kind: str = "alignment"

    def training_row(self, subject: str) -> int | None:
        """The row of a training subject, by which the model knows them; None for anybody else."""
        return self.trained_on.index(subject) if subject in self.trained_on else None


def save_run(
    folder: Path, model: Model, card: ModelCard, params: dict[str, Any], history: list[dict[str, float]]
) -> None:
    """Write a run folder; `folder` must not exist."""
    folder.mkdir(parents=True)
    save_file(
        {name: value.contiguous().cpu() for name, value in model.state_dict().items()}, folder / "model.safetensors"
    )
    (folder / CARD).write_text(json.dumps({"format": FORMAT, **asdict(card)}, indent=1) + "\n", encoding="utf-8")
    (folder / PARAMS).write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    pd.DataFrame(history).to_csv(folder / "history.csv", index=False, float_format="%.6g", lineterminator="\n")


def load_run(folder: Path) -> tuple[Model, ModelCard, dict[str, Any]]:
    """Rebuild the model of a run folder, in evaluation mode on the CPU.

    Raises
    ------
    InputError
        If the folder or one of its files is missing, of another format, or the weights do not fit.
    """
    for name in (CARD, PARAMS, WEIGHTS):
        if not (folder / name).is_file():
            raise InputError(f"{folder / name}: no such file; run 'dvc repro' to train the model")
    described = json.loads((folder / CARD).read_text(encoding="utf-8"))
    params = yaml.safe_load((folder / PARAMS).read_text(encoding="utf-8"))
    if described.pop("format", None) != FORMAT:
        raise InputError(f"{folder / CARD}: not a model of format {FORMAT}; train it again with 'dvc repro'")
    card = ModelCard(**{**described, "shapes": Shapes(**described["shapes"])})
    if card.kind not in MODELS:
        raise bad_value("kind", card.kind, MODELS, where=str(folder / CARD), cure="train it again with 'dvc repro'")
    model = build_model_of(card.kind, params, card.shapes, card.feature_scale)
    try:
        model.load_state_dict(load_file(folder / WEIGHTS))
    except (RuntimeError, SafetensorError) as error:
        raise InputError(f"{folder / WEIGHTS}: weights do not fit the model: {error}") from None
    return model.eval(), card, params
