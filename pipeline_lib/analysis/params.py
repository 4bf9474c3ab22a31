"""Section `analysis` of params.yaml: what is looked at in trained models, and how closely."""

from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from pipeline_lib.common.params import Section
from pipeline_lib.retrieval.params import GalleryName


class TimeParams(Section):
    """Windows of the epoch: what lies outside is masked.

    Attributes
    ----------
    width : float
        Seconds: of a sliding window, and of a step of growing and shrinking ones.
    retrain : bool
        A model is trained for each window of each run, in place of masking the responses of the trained one.
    """

    width: PositiveFloat
    retrain: bool


class RegionsParams(Section):
    """Regions of the head that are left out.

    Attributes
    ----------
    early : float or None
        Seconds from onset: regions are left out once more of responses of which the model sees so much only.
    """

    early: PositiveFloat | None


class AttributionParams(Section):
    """Which channels and times carry the retrieval score.

    Attributes
    ----------
    method : {"integrated-gradients", "deeplift", "none"}
    steps : int
        Of the integral.
    queries : int
        At most so many of a run.
    """

    method: Literal["integrated-gradients", "deeplift", "none"]
    steps: PositiveInt
    queries: PositiveInt


class ProjectionParams(Section):
    """Embeddings on a plane.

    Attributes
    ----------
    method : {"tsne", "umap", "none"}
    seed : int
    """

    method: Literal["tsne", "umap", "none"]
    seed: int = Field(ge=0)


class AnalysisParams(Section):
    """All analyses.

    Attributes
    ----------
    gallery : str
        What responses are matched with.
    categories : Path or None
        A table that puts each concept into categories, :mod:`pipeline_lib.analysis.categories`.
    time : TimeParams
    regions : RegionsParams
    attribution : AttributionParams
    projection : ProjectionParams
    threads : int
        Of the CPU, :func:`pipeline_lib.common.device.use_threads`.
    """

    gallery: GalleryName
    categories: Path | None
    time: TimeParams
    regions: RegionsParams
    attribution: AttributionParams
    projection: ProjectionParams
    threads: PositiveInt
