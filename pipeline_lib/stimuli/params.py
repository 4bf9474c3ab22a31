"""Sections `vse` and `views` of params.yaml: how a picture becomes its saliency view, and its other views."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, NonNegativeInt, PositiveInt, ValidationInfo, field_validator

from pipeline_lib.common.params import Section

Weight = Annotated[float, Field(allow_inf_nan=False)]
Scale = Annotated[float, Field(gt=0, le=64)]


def _odd(kernel: int) -> int:
    if kernel % 2 == 0:
        raise ValueError("a kernel has a middle: choose an odd number of pixels")
    return kernel


Kernel = Annotated[int, Field(ge=1, le=1023), AfterValidator(_odd)]


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


class BlurKernels(Section):
    """Width of the Gaussian kernel of each strength, in pixels, odd."""

    low: Kernel
    medium: Kernel
    high: Kernel


class BlurParams(Section):
    """The foveal blur; the equation stands in :mod:`pipeline_lib.stimuli.foveal_blur`.

    Attributes
    ----------
    kernels : BlurKernels
        Of views blur-low, blur-medium and blur-high, for pictures of `views.size`.
    peak : float
        Share of the sharp picture in the middle; 0 blurs the whole picture alike.
    falloff : float
        How fast that share falls towards the corners.
    """

    kernels: BlurKernels
    peak: float = Field(ge=0, le=1)
    falloff: float = Field(ge=0, le=1000)


class LowresParams(Section):
    """View lowres: pixels of the picture in between."""

    size: PositiveInt


class MosaicParams(Section):
    """View mosaic: pixels of a block's side."""

    block: PositiveInt


SmallerParams = LowresParams | MosaicParams


class NoiseParams(Section):
    """View noise: its standard deviation in grey levels (of 255), and the seed from which each image has its own."""

    sigma: float = Field(ge=0, le=255)
    seed: NonNegativeInt


class ViewsParams(Section):
    """Settings of the views that are made when features are extracted.

    Attributes
    ----------
    size : int
        Pixels after resize of the short side and centre crop, before a view is made.
    blur : BlurParams
    lowres : LowresParams
    mosaic : MosaicParams
    noise : NoiseParams
    """

    size: int = Field(ge=8, le=4096)
    blur: BlurParams
    lowres: LowresParams
    mosaic: MosaicParams
    noise: NoiseParams

    @field_validator("lowres", "mosaic")
    @classmethod
    def _within_the_picture(cls, value: SmallerParams, info: ValidationInfo) -> SmallerParams:
        size, pixels = info.data.get("size"), value.block if isinstance(value, MosaicParams) else value.size
        if size is not None and pixels > size:
            raise ValueError(f"{pixels} pixels are more than views.size, {size}")
        return value
