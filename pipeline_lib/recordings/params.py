"""The sections `study` and `preprocess` of params.yaml."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, FiniteFloat, PositiveInt, ValidationInfo, field_validator

from pipeline_lib.common.params import Section

NAMED_PICKS = ("all", "eeg", "meg", "visual-17")


def _picks(value: Any) -> Any:
    names = isinstance(value, list) and value and all(isinstance(name, str) and name for name in value)
    if not names and value not in NAMED_PICKS:
        raise ValueError(f"allowed: {', '.join(NAMED_PICKS)}, or a list of channel names")
    if names and len({name.lower() for name in value}) < len(value):
        raise ValueError("a channel is named twice")
    return value


Picks = Annotated[str | list[str], BeforeValidator(_picks)]
PositiveNumber = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class BidsParams(Section):
    """What events.tsv of a study of layout `bids` calls things.

    Attributes
    ----------
    task : str or None
        Only runs of this task; None for all.
    image : str
        Column with the image file of each event.
    split : str
        Column with ``train``, ``test``, or another word for events that are no picture trials.
    concept : str or None
        Column with the concept; None for the image's folder.
    """

    task: str | None
    image: str
    split: str
    concept: str | None


class StudyParams(Section):
    """Where a study lies and how its files are laid out.

    Attributes
    ----------
    name : str
        For the metrics.
    layout : str
        How the recordings below `root` are laid out.
    root : Path
        Holds one folder per subject.
    images : Path
        Image files; ``file`` in the stimulus table is relative to it.
    stimuli : Path
        What names the images.
    closed_set : bool
        Training may show other images of test concepts. If False (zero-shot), trials of such images are left out.
    bids : BidsParams
        Read by layout `bids` alone.
    """

    name: str
    layout: Literal[
        "things-eeg2",
        "things-eeg2-preprocessed",
        "things-eeg2-bids",
        "things-meg-bids",
        "things-meg-epochs",
        "bids",
        "arrays",
    ]
    root: Path
    images: Path
    stimuli: Path
    closed_set: bool
    bids: BidsParams


class FilterParams(Section):
    """Edges of the pass band in Hz; None leaves that side open."""

    low: PositiveNumber | None
    high: PositiveNumber | None

    @field_validator("high")
    @classmethod
    def _above_low(cls, high: float | None, info: ValidationInfo) -> float | None:
        low = info.data.get("low")
        if high is not None and low is not None and high <= low:
            raise ValueError(f"must be above preprocess.filter.low ({low})")
        return high


class CropParams(Section):
    """Seconds kept, stop excluded."""

    start: FiniteFloat
    stop: FiniteFloat

    @field_validator("stop")
    @classmethod
    def _after_start(cls, stop: float, info: ValidationInfo) -> float:
        if stop <= info.data.get("start", -float("inf")):
            raise ValueError(f"must be after preprocess.crop.start ({info.data['start']})")
        return stop


class MaxRepeatsParams(Section):
    """Repeats kept per image and session; None keeps all."""

    train: PositiveInt | None
    test: PositiveInt | None


class WhiteningParams(Section):
    """Multivariate noise normalisation."""

    enabled: bool
    covariance: Literal["epochs", "time"]
    fit_on: Literal["train", "train+test"]


class PreprocessParams(Section):
    """From a raw recording to epochs."""

    picks: Picks
    exclude: list[str]
    tmin: FiniteFloat
    tmax: FiniteFloat
    baseline: Literal["mean", "zscore", "none"]
    filter: FilterParams
    dropouts: Literal["patch", "keep"]
    sfreq: PositiveNumber | None
    resampling: Literal["fourier", "decimate"]
    crop: CropParams
    max_repeats: MaxRepeatsParams
    seed: int = Field(ge=0)
    reject_peak_to_peak: PositiveNumber | None
    whitening: WhiteningParams
    standardize: Literal["none", "train"]
    flat_channels: Literal["error", "keep"]
    dtype: Literal["float32", "float16"]

    @field_validator("tmax")
    @classmethod
    def _after_tmin(cls, tmax: float, info: ValidationInfo) -> float:
        if tmax <= info.data.get("tmin", -float("inf")):
            raise ValueError(f"must be after preprocess.tmin ({info.data['tmin']})")
        return tmax

    @field_validator("baseline")
    @classmethod
    def _has_samples_before_onset(cls, baseline: str, info: ValidationInfo) -> str:
        if baseline != "none" and info.data.get("tmin", -1.0) >= 0:
            raise ValueError("needs samples before onset: set preprocess.tmin below 0, or baseline to none")
        return baseline

    @field_validator("dtype")
    @classmethod
    def _fits_the_values(cls, dtype: str, info: ValidationInfo) -> str:
        whitening, values = info.data.get("whitening"), info.data
        scaled = (whitening and whitening.enabled) or values.get("standardize") == "train"
        if dtype == "float16" and not scaled and values.get("baseline") != "zscore":
            raise ValueError("holds no volts or tesla: whiten, standardize, or z-score by the baseline; or set float32")
        return dtype

    @field_validator("crop")
    @classmethod
    def _within_the_epoch(cls, crop: CropParams, info: ValidationInfo) -> CropParams:
        tmin, tmax = info.data.get("tmin", -float("inf")), info.data.get("tmax", float("inf"))
        if crop.start < tmin or crop.stop > tmax:
            raise ValueError(f"must lie within preprocess.tmin..tmax ({tmin}..{tmax})")
        return crop
