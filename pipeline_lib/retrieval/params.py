"""Parameters of the evaluation: section `evaluate`."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, field_validator

from pipeline_lib.common.params import Section

GalleryName = Literal["image", "class-center", "text", "image+text"]
TEXT_GALLERIES: tuple[GalleryName, ...] = ("text", "image+text")


class EvaluateParams(Section):
    """How test trials are averaged, what they are matched with, and how sure the figures are.

    Attributes
    ----------
    repeats : "mean", "single" or int
        A query is the mean of all repeats of a test image, a single trial, or the mean of this many repeats.
    galleries : list of str
        What a brain embedding is matched with; the first is the headline.
    n_way : list of int
        Numbers of candidates of the expected n-way accuracy; those above the gallery's size are left out.
    bootstrap, permutations : int
        Resamples of the test images for the intervals, and of the pairing for the p-value; 0 leaves them out.
    seed : int
        Of both.
    """

    repeats: Literal["mean", "single"] | PositiveInt
    galleries: list[GalleryName] = Field(min_length=1)
    n_way: list[Annotated[int, Field(ge=2)]]
    bootstrap: int = Field(ge=0)
    permutations: int = Field(ge=0)
    seed: int = Field(ge=0)

    @field_validator("galleries", "n_way")
    @classmethod
    def _each_once(cls, values: list) -> list:
        if len(set(values)) < len(values):
            raise ValueError("every entry may stand there once only")
        return values
