"""What section ``phantom`` of params.yaml may hold."""

from typing import Literal

from pydantic import Field

from pipeline_lib.common.params import Section

ModalityName = Literal["eeg", "meg"]


class PhantomParams(Section):
    """The size and the signal of the synthetic study.

    Attributes
    ----------
    seed : int
        Of everything random.
    modality : {"eeg", "meg"}
        What is recorded: EEG in the files of THINGS-EEG2, or MEG in those of THINGS-MEG.
    subjects : int
        Recorded people, ``sub-01`` (EEG) or ``sub-BIGMEG1`` (MEG) onwards. One person's files do not depend on how many
        there are.
    image_size : int
        Side of a picture in pixels.
    train_concepts, test_concepts : int
        Disjoint combinations of shape, pattern and colour; together at most 240.
    train_images, center_images : int
        Pictures per training concept, and further pictures per test concept: shown to nobody in the EEG, and as
        training pictures in the MEG.
    sessions, train_repeats, test_repeats : int
        Sessions per subject, and how often each picture is shown in a session; in the MEG a training picture belongs
        to one session alone.
    target_share : float
        Share of events that are target (MEG: catch) trials.
    snr : float
        Factor on the evoked responses.
    """

    seed: int = Field(ge=0)
    modality: ModalityName
    subjects: int = Field(ge=1, le=99)
    image_size: int = Field(ge=32, le=2048)
    train_concepts: int = Field(ge=1)
    train_images: int = Field(ge=1, le=99)
    test_concepts: int = Field(ge=1)
    center_images: int = Field(ge=0, le=98)
    sessions: int = Field(ge=1, le=99)
    train_repeats: int = Field(ge=1)
    test_repeats: int = Field(ge=1)
    target_share: float = Field(ge=0, lt=0.5)
    snr: float = Field(ge=0, allow_inf_nan=False)
