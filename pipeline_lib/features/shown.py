"""What the model is shown: the images of a study as each view has them, a batch at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pipeline_lib.common.batches import batched
from pipeline_lib.common.errors import InputError
from pipeline_lib.common.joins import rows_of
from pipeline_lib.common.progress import progress
from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.features.models import ImageTextModel
from pipeline_lib.features.params import RAW, STORED, View
from pipeline_lib.stimuli.images import read_image, resize_and_crop, resized_shape
from pipeline_lib.stimuli.made_views import MADE_VIEWS, made_view
from pipeline_lib.stimuli.params import ViewsParams
from pipeline_lib.stimuli.views import Views, open_views


class ShownBatch(NamedTuple):
    """One view of some consecutive images.

    Attributes
    ----------
    view : str
    start : int
        The first image's row.
    pixels : Tensor, shape (n_images, 3, image_size, image_size)
        As the model wants them.
    """

    view: View
    start: int
    pixels: Tensor


class _Opened(NamedTuple):
    """An image that was decoded once, in the forms its views need; None where no view does."""

    image_id: str
    raw: Tensor | None
    square: np.ndarray | None


class ShownImages:
    """The images of a study, opened when their turn comes.

    Each file is decoded once, whatever the number of views, and no decoded file outlives the next one: a batch holds
    what the model wants of it and a square of ``params.size``.

    Parameters
    ----------
    model : ImageTextModel
        Prepares the pixels.
    views : sequence of str
        Keys of :data:`MADE_VIEWS`, ``"raw"`` and ``"vse"``.
    stimuli : StimulusTable
        The images; its order is that of the rows.
    images : Path
        The image folder; not read for stored views.
    store : Path
        The view store; opened only for stored views.
    params : ViewsParams
        Section `views`.

    Raises
    ------
    InputError
        If an image has no stored view where these are asked for.
    """

    def __init__(
        self,
        model: ImageTextModel,
        views: Sequence[View],
        stimuli: StimulusTable,
        *,
        images: Path,
        store: Path,
        params: ViewsParams,
    ) -> None:
        self._model, self._views, self._params = model, tuple(views), params
        self._image_ids = stimuli.frame["image_id"].tolist()
        self._files = [images / file for file in stimuli.frame["file"]]
        self._store = store if STORED in self._views else None
        if self._store:
            _check_store(self._store, self._image_ids)

    def batches(self, batch_size: int) -> Iterator[ShownBatch]:
        """Every view of the first images, then every view of the next ones.

        Parameters
        ----------
        batch_size : int
            Images of one view at a time.

        Raises
        ------
        InputError
            Naming the first file that does not decode.
        """
        files = progress(zip(self._image_ids, self._files, strict=True), total=len(self._files), unit="image")
        with open_views(self._store) if self._store else nullcontext() as stored:
            start = 0
            for opened in batched((self._open(*one) for one in files), batch_size):
                for view in self._views:
                    yield ShownBatch(view, start, self._pixels(view, opened, stored))
                start += len(opened)

    def _open(self, image_id: str, file: Path) -> _Opened:
        needs_square = any(view in MADE_VIEWS for view in self._views)
        if not needs_square and RAW not in self._views:
            return _Opened(image_id, None, None)
        rgb = read_image(file)
        with _naming(file):
            raw = self._raw(rgb) if RAW in self._views else None
            return _Opened(image_id, raw, resize_and_crop(rgb, self._params.size) if needs_square else None)

    def _raw(self, rgb: np.ndarray) -> Tensor:
        resized_shape(rgb.shape, self._model.settings.image_size)  # the model's own resizing would take any memory
        return self._model.preprocess([rgb])

    def _pixels(self, view: View, opened: Sequence[_Opened], stored: Views | None) -> Tensor:
        if view == RAW:
            return torch.cat([image.raw for image in opened])
        if view == STORED:
            return self._model.preprocess(list(stored.read([image.image_id for image in opened])))
        made = [made_view(view, image.square, image.image_id, self._params) for image in opened]
        return self._model.preprocess(made)


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def _check_store(path: Path, image_ids: Sequence[str]) -> None:
    with open_views(path) as opened:
        if not opened.image_ids:
            raise InputError(f"{path} holds no views; set vse.enabled to true, or take vse out of features.views")
        rows_of(image_ids, opened.image_ids, what=str(path))
