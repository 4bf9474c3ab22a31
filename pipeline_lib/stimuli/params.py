"""Section `vse` of params.yaml: how a picture becomes its saliency view."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline_lib.common.params import Section

Weight = Annotated[float, Field(allow_inf_nan=False)]
Scale = Annotated[float, Field(gt=0, le=64)]


class VseParams(Section):
    """Settings of the visual saliency extraction; the equations stand in :mod:`pipeline_lib.stimuli.vse`.

    Attributes
    ----------
    enabled : bool
        False makes an empty view store: a study without image files.
    size : int or None
        Pixels after resize of the short side and centre crop; None keeps the native size.
    sobel_kernel : {3, 5, 7}
        Width of the Sobel operator.
    normalization : {"zscore", "minmax"}
        𝒩 of the edge map and of the low-level maps.
    alpha : tuple of 3 float
        Weights of the luminance, contrast and colour maps. Negative weights add a cue instead of subtracting it.
    eta : float
        η, the constant of the gate. The difference of two logistic functions lies in (-1, 1), and so does η.
    scales : tuple of float
        Scales s of the center-surround antagonism, in pixels.
    center_sigma, surround_sigma : float
        Standard deviations of the two Gaussians, in units of the scale.
    surround_weight : float
        λ.
    gamma : float
        γ, the exponent of the antagonism response.
    """

    enabled: bool
    size: int | None = Field(ge=8, le=4096)
    sobel_kernel: Literal[3, 5, 7]
    normalization: Literal["zscore", "minmax"]
    alpha: tuple[Weight, Weight, Weight]
    eta: float = Field(ge=-1, le=1)
    scales: tuple[Scale, ...] = Field(min_length=1)
    center_sigma: float = Field(gt=0, le=16)
    surround_sigma: float = Field(gt=0, le=16)
    surround_weight: float = Field(ge=0, le=10)
    gamma: float = Field(ge=0.1, le=10)
