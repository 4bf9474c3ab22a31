"""Views of a picture that are made when they are needed. A new one is one function and one line in `MADE_VIEWS`.

The saliency view is not among them: it is stored (:mod:`pipeline_lib.stimuli.views`).
"""

from collections.abc import Callable

from numpy import ndarray

from pipeline_lib.stimuli.degradations import low_resolution, mosaic, noise
from pipeline_lib.stimuli.foveal_blur import foveal_blur
from pipeline_lib.stimuli.params import ViewsParams

MADE_VIEWS: dict[str, Callable[[ndarray, str, ViewsParams], ndarray]] = {
    "blur-low": lambda rgb, _, params: foveal_blur(rgb, params.blur.kernels.low, params.blur),
    "blur-medium": lambda rgb, _, params: foveal_blur(rgb, params.blur.kernels.medium, params.blur),
    "blur-high": lambda rgb, _, params: foveal_blur(rgb, params.blur.kernels.high, params.blur),
    "lowres": lambda rgb, _, params: low_resolution(rgb, params.lowres.size),
    "mosaic": lambda rgb, _, params: mosaic(rgb, params.mosaic.block),
    "noise": lambda rgb, image_id, params: noise(rgb, params.noise.sigma, params.noise.seed, image_id),
}


def made_view(view: str, rgb: ndarray, image_id: str, params: ViewsParams) -> ndarray:
    """One view of one picture; it depends on these arguments alone.

    Parameters
    ----------
    view : str
        A key of :data:`MADE_VIEWS`.
    rgb : ndarray of uint8, shape (height, width, 3)
        The picture, already resized and cropped to ``params.size``.
    image_id : str
        The picture's name.
    params : ViewsParams
        Section `views`.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        RGB.
    """
    return MADE_VIEWS[view](rgb, image_id, params)
