"""What section ``phantom`` of params.yaml may hold."""

from pydantic import Field

from pipeline_lib.common.params import Section


class PhantomParams(Section):
    """The size and the signal of the synthetic study.

    Attributes
    ----------
    seed : int
        Of everything random.
    subjects : int
        Recorded people, ``sub-01`` onwards. One person's files do not depend on how many there are.
    image_size : int
        Side of a picture in pixels.
    train_concepts, test_concepts : int
        Disjoint combinations of shape, pattern and colour; together at most 240.
    train_images, center_images : int
        Pictures per training concept, and further pictures per test concept that nobody is shown.
    sessions, train_repeats, test_repeats : int
        Sessions per subject, and how often each picture is shown in a session.
    target_share : float
        Share of events that are target trials.
    snr : float
        Factor on the evoked responses.
    """

    seed: int = Field(ge=0)
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
