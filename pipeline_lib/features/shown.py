"""What the model is shown: the images of a study as each view has them, decoded by threads while the model computes."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from pipeline_lib.common.ahead import DECODERS, worked_ahead
from pipeline_lib.common.batches import batched
from pipeline_lib.common.digests import digest_if_there
from pipeline_lib.common.errors import InputError
from pipeline_lib.common.joins import rows_of
from pipeline_lib.common.progress import progress
from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.features.models import ImageTextModel
from pipeline_lib.features.params import RAW, STORED, View
from pipeline_lib.stimuli.images import resize_and_crop, resized_shape, with_image
from pipeline_lib.stimuli.made_views import MADE_VIEWS, made_view
from pipeline_lib.stimuli.params import ViewsParams
from pipeline_lib.stimuli.views import Views, open_views


class ShownBatch(NamedTuple):
    """Some images in every view.

    Attributes
    ----------
    rows : list of int
        The images' rows.
    pixels : dict of str to Tensor of uint8, shape (n_images, 3, image_size, image_size)
        By view, resized and cropped as the model wants them.
    digests : list of str
        Of what each image is made of: its file, its stored view.
    """

    rows: list[int]
    pixels: dict[View, Tensor]
    digests: list[str]


class _Opened(NamedTuple):
    """An image that was decoded once: its views that are not stored, and the digest of its file."""

    row: int
    views: dict[View, Tensor]
    digest: str


class ShownImages:
    """The images of a study, opened when their turn comes; a context manager that keeps the view store open.

    Each file is decoded once, whatever the number of views, and what is kept of it is a square of 8-bit pixels for each
    view. At most three batches of these lie in memory.

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
        self._model, self.views, self._params = model, tuple(views), params
        self.image_ids: list[str] = stimuli.frame["image_id"].tolist()
        self._files = [images / file for file in stimuli.frame["file"]]
        self._needs_file = any(view != STORED for view in self.views)
        self._store = store if STORED in self.views else None
        self._stored: Views | None = None
        if self._store:
            _check_store(self._store, self.image_ids)

    def __enter__(self) -> Self:
        self._stored = open_views(self._store) if self._store else None
        return self

    def __exit__(self, *_: object) -> None:
        if self._stored:
            self._stored.close()

    def batches(self, batches: Sequence[Sequence[int]]) -> Iterator[ShownBatch]:
        """Images in every view, decoded ahead: up to two further batches while one is worked on.

        Parameters
        ----------
        batches : sequence of sequence of int
            The rows of each batch.

        Raises
        ------
        InputError
            Naming the first file that does not decode, once its batch is asked for.
        """
        rows = progress([row for batch in batches for row in batch], unit="image")
        free = self._leaves_cores_free()
        opened = worked_ahead(rows, self._open, ahead=max(map(len, batches), default=0) if free else DECODERS)
        groups = (list(islice(opened, len(batch))) for batch in batches)
        return worked_ahead(groups, self._stacked, ahead=int(free), threads=1)

    def _leaves_cores_free(self) -> bool:
        """Whether images can be decoded while the model computes: it waits for the slowest of its threads, so one that
        has to share its core holds up all of them, and images are better decoded in between."""
        return self._model.device.type != "cpu" or torch.get_num_threads() < (os.cpu_count() or 1)

    def digests(self, rows: Sequence[int]) -> Iterator[str]:
        """What :attr:`ShownBatch.digests` would be, without decoding; empty for an image whose file is not there."""
        for part in batched(rows, 64):
            files = list(worked_ahead(part, self._file_digest, ahead=len(part)))
            for digest, view in zip(files, self._stored_views(part), strict=True):
                yield _joined(digest, view)

    def _open(self, row: int) -> _Opened:
        views: dict[View, Tensor] = {}
        if self._needs_file:
            views = with_image(self._files[row], lambda rgb: self._fitted(rgb, self.image_ids[row]))
        return _Opened(row, views, self._file_digest(row))

    def _fitted(self, rgb: np.ndarray, image_id: str) -> dict[View, Tensor]:
        """A picture in all views that are not stored, as the model wants them."""
        made = [view for view in self.views if view in MADE_VIEWS]
        square = resize_and_crop(rgb, self._params.size) if made else None
        fitted = {view: self._model.fit(made_view(view, square, image_id, self._params)) for view in made}
        if RAW in self.views:
            resized_shape(rgb.shape, self._model.settings.image_size)  # the model's own resizing would take any memory
            fitted[RAW] = self._model.fit(rgb)
        return fitted

    def _stacked(self, opened: Sequence[_Opened]) -> ShownBatch:
        rows = [image.row for image in opened]
        stored, pixels = self._stored_views(rows), {}
        for view in self.views:
            fitted = map(self._model.fit, stored) if view == STORED else (image.views[view] for image in opened)
            pixels[view] = torch.stack(list(fitted))
        if self._model.device.type == "cuda":
            pixels = {view: tensor.pin_memory() for view, tensor in pixels.items()}
        return ShownBatch(rows, pixels, [_joined(image.digest, rgb) for image, rgb in zip(opened, stored, strict=True)])

    def _stored_views(self, rows: Sequence[int]) -> Sequence[np.ndarray | None]:
        return self._stored.read([self.image_ids[row] for row in rows]) if self._stored else [None] * len(rows)

    def _file_digest(self, row: int) -> str:
        return digest_if_there(self._files[row]) if self._needs_file else ""


def _joined(digest: str, view: np.ndarray | None) -> str:
    return digest if view is None else digest + hashlib.sha256(view.tobytes()).hexdigest()


def _check_store(path: Path, image_ids: Sequence[str]) -> None:
    with open_views(path) as opened:
        if not opened.image_ids:
            raise InputError(f"{path} holds no views; set vse.enabled to true, or take vse out of features.views")
        rows_of(image_ids, opened.image_ids, what=str(path))
