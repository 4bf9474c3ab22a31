"""model.json: what a model's weights mean, checked when it is read: a run folder may come from anywhere."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from pipeline_lib.common.errors import InputError, bad_value, did_you_mean, listed
from pipeline_lib.training.base import Shapes
from pipeline_lib.training.models import MODELS

FORMAT = 3
CURE = "train it again with 'dvc repro'"
LARGEST = 1_000_000  # no recording has so many channels or samples, and no features are so wide


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
    ch_types : list of str
        MNE's types of the channels; empty where unknown.
    sfreq : float or None
        Hz; None for responses without a time axis.
    tmin : float
        Seconds from onset to the first sample.
    whitening : str
        From what it was estimated, :class:`~pipeline_lib.recordings.epochs_data.EpochsData`.
    preprocessing : dict
        ``layout``, ``closed_set`` and section ``preprocess`` of the training subjects' epochs, None where their stores
        do not say; ``sessions``: by subject and session, the files they were read from. What was fitted lies in
        :mod:`~pipeline_lib.recordings.fitted`.
    features : dict
        How the features were made, :func:`pipeline_lib.features.record.record_of`.
    target_view : str or list of str
    target_views : {"mean", "uncertainty"}
        What several views were in training, :class:`pipeline_lib.training.params.TargetParams`.
    target_layer : str or list of str
    gallery_view : str or list of str
        The view of the images that are searched; of several the mean.
    feature_scale : {"none", "unit", "zscore"}
    versions : dict of str to str
        Of trialign, torch, numpy and python.
    metrics : dict of str to float
        Of the validation samples, :func:`pipeline_lib.training.validation_metrics.validation_metrics`.
    kind : str
        A key of :data:`pipeline_lib.training.models.MODELS`.
    """

    protocol: Literal["intra", "inter"]
    subject: str
    trained_on: list[str]
    seed: int
    best_epoch: int
    shapes: Shapes
    ch_names: list[str]
    ch_types: list[str]
    sfreq: float | None
    tmin: float
    whitening: str
    preprocessing: dict[str, Any]
    features: dict[str, Any]
    target_view: str | list[str]
    target_views: Literal["mean", "uncertainty"]
    target_layer: str | list[str]
    gallery_view: str | list[str]
    feature_scale: Literal["none", "unit", "zscore"]
    versions: dict[str, str]
    metrics: dict[str, int | float]
    kind: str = "alignment"

    @property
    def window(self) -> tuple[float, float] | None:
        """Seconds from onset to the first sample and, as in ``preprocess.crop``, to behind the last; None without
        a time axis."""
        return None if self.sfreq is None else (self.tmin, self.tmin + self.shapes.n_times / self.sfreq)

    def training_row(self, subject: str) -> int | None:
        """The row of a training subject, by which the model knows them; None for anybody else."""
        return self.trained_on.index(subject) if subject in self.trained_on else None


def read_card(path: Path) -> ModelCard:
    """Read and check a card.

    Raises
    ------
    InputError
        If it is no JSON object, of another format, or a key is missing, unknown or holds something else.
    """
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON ({error}); {CURE}") from None
    if not isinstance(described, dict) or described.pop("format", None) != FORMAT:
        raise InputError(f"{path}: not a model of format {FORMAT}; {CURE}")
    for problem in _misfits(described, ModelCard):
        raise InputError(f"{path}: {problem}; {CURE}")
    try:
        card = TypeAdapter(ModelCard).validate_python(described)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key, said = ".".join(map(str, first["loc"])), first["msg"]
        raise InputError(f"{path}: {key} is {first['input']!r:.100}: {said}; {CURE}") from None
    _check_values(card, str(path))
    return card


def _misfits(described: dict[str, Any], kind: type) -> Iterator[str]:
    """Keys that are unknown or missing, in words."""
    known = {each.name: each for each in fields(kind)}
    for name in described.keys() - known.keys():
        yield f"unknown key {name!r} {did_you_mean(name, known)}".rstrip()
    for name, each in known.items():
        if name not in described and each.default is MISSING:
            yield f"key {name!r} is missing"
        elif name == "shapes" and isinstance(described[name], dict):
            yield from _misfits(described[name], Shapes)


def _check_values(card: ModelCard, where: str) -> None:
    if card.kind not in MODELS:
        raise bad_value("kind", card.kind, MODELS, where=where, cure=CURE)
    for name, size in vars(card.shapes).items():
        if size is not None and not 0 < size <= LARGEST:
            raise bad_value(f"shapes.{name}", size, f"1 to {LARGEST}", where=where, cure=CURE)
    if card.sfreq is not None and not 0 < card.sfreq < math.inf:
        raise bad_value("sfreq", card.sfreq, "a positive number of Hz", where=where, cure=CURE)
    if not math.isfinite(card.tmin):
        raise bad_value("tmin", card.tmin, "a number of seconds", where=where, cure=CURE)
    for name, count in {"ch_names": len(card.ch_names), "ch_types": len(card.ch_types)}.items():
        if count != card.shapes.n_channels and (count or name == "ch_names"):
            raise InputError(f"{where}: {name} has {count} entries for {card.shapes.n_channels} channels; {CURE}")
    if len(card.trained_on) != card.shapes.n_subjects:
        raise InputError(f"{where}: trained_on names {len(card.trained_on)} of {card.shapes.n_subjects} people; {CURE}")
    for name in ("target_view", "target_layer", "gallery_view"):
        if not getattr(card, name):
            raise bad_value(name, getattr(card, name), "a name, or several", where=where, cure=CURE)
    for name, names in {"ch_names": card.ch_names, "trained_on": card.trained_on}.items():
        if doubled := [each for each, count in Counter(names).items() if count > 1]:
            raise InputError(f"{where}: {name} has more than once: {listed(doubled)}; {CURE}")
