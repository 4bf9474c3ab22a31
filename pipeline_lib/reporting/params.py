"""Section `report` of params.yaml: how much the report page shows."""

from pydantic import Field, NonNegativeInt

from pipeline_lib.common.params import Section


class ReportParams(Section):
    """The page for people.

    Attributes
    ----------
    best, worst : int
        Test images in the galleries of best and of worst matches, for each protocol; 0 leaves a gallery out.
    saliency : int
        Test images whose saliency is shown step by step.
    captions : int
        Rows of the caption table that are shown, evenly spread over it.
    dpi : int
        Resolution of the figures, in dots per inch.
    """

    best: NonNegativeInt
    worst: NonNegativeInt
    saliency: NonNegativeInt
    captions: NonNegativeInt
    dpi: int = Field(ge=30, le=600)
