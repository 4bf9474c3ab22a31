"""What the user asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pipeline_lib.common.device import DeviceName
from pipeline_lib.common.errors import InputError, bad_value
from pipeline_lib.common.stimulus_table import SPLITS, Split
from pipeline_lib.decoding.noise import WHITENINGS, WhiteningName

AverageName = Literal["image", "none"]
AVERAGES: tuple[AverageName, ...] = get_args(AverageName)


@dataclass(frozen=True)
class Request:
    """What is to be decoded, and how.

    Attributes
    ----------
    model : Path
        A run folder.
    recordings : sequence of Path
    gallery : Path
        A folder of images, or a stimulus table.
    events : sequence of Path
        One table for each recording, or none at all: then the recordings tell themselves.
    stimuli : Path or None
        The stimulus table of what was shown; None: the gallery, where that is one.
    images : Path or None
        The folder of a stimulus table's images; None: that of the table.
    split : {"train", "test", "center"}
        The rows of a stimulus table that count.
    features_model : Path or None
        The folder of the features' model; None: as in training.
    subject : str or None
        Who was recorded, one of those the model was trained on; None: the only one, or somebody else.
    sessions : sequence of int
        The number of each recording's session, or none at all.
    whitening : {"model", "recording", "none"}
        See :func:`~.noise.treat`.
    average : {"image", "none"}
        A query is the mean of the trials of an image, or a trial.
    top : int
        Places that are kept.
    interpolate : bool
    montage : str
        See :class:`~.reading.Sensors`.
    stim_channel, image_column : str or None
        See :func:`~.opening.open_recording`.
    device : {"auto", "cpu", "cuda"}
    threads : int
        Of the CPU, for encoding the gallery.

    Raises
    ------
    InputError
        If a value is not allowed, a recording is given twice, or events or sessions do not go with the recordings one
        by one.
    """

    model: Path
    recordings: Sequence[Path]
    gallery: Path
    events: Sequence[Path]
    stimuli: Path | None
    images: Path | None
    split: Split
    features_model: Path | None
    subject: str | None
    sessions: Sequence[int]
    whitening: WhiteningName
    average: AverageName
    top: int
    interpolate: bool
    montage: str
    stim_channel: str | None
    image_column: str | None
    device: DeviceName
    threads: int

    def __post_init__(self) -> None:
        choices = {"split": SPLITS, "whitening": WHITENINGS, "average": AVERAGES, "device": get_args(DeviceName)}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise bad_value(f"--{name}", getattr(self, name), allowed)
        for number, file in enumerate(self.recordings):
            if file in self.recordings[:number]:
                raise InputError(f"--recording {file} is given twice; its trials would count twice")
        for name, given in {"--events": self.events, "--session": self.sessions}.items():
            if given and len(given) != len(self.recordings):
                raise InputError(
                    f"{name} is given {len(given)} times for {len(self.recordings)} recordings; give it once for each "
                    "--recording, in the same order, or not at all"
                )
