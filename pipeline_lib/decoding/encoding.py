"""The gallery's images as the study's were encoded: by the same model, in the view and layer that are searched."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from pipeline_lib.common.batches import batched
from pipeline_lib.common.device import DeviceName, pick_device, use_threads
from pipeline_lib.common.errors import InputError, bad_value
from pipeline_lib.common.memory import BatchLimit
from pipeline_lib.common.params import validated
from pipeline_lib.decoding.gallery import Gallery
from pipeline_lib.features.bank import BankWriter, open_bank
from pipeline_lib.features.computing import Job, encode_batch
from pipeline_lib.features.load import check_fit, load_model
from pipeline_lib.features.models import ImageTextModel
from pipeline_lib.features.params import RAW, STORED
from pipeline_lib.features.shown import ShownImages
from pipeline_lib.stimuli.extraction import write_views
from pipeline_lib.stimuli.made_views import MADE_VIEWS
from pipeline_lib.stimuli.params import ViewsParams, VseParams
from pipeline_lib.training.model_card import ModelCard
from pipeline_lib.training.targets import read_target

BATCH = 64  # images at once; halved where memory does not suffice


def gallery_features(
    gallery: Gallery, card: ModelCard, folder: Path, *, device: DeviceName, threads: int
) -> np.ndarray:
    """Encode the gallery as the study's images were: by the same model, in the view and layer that are searched.

    Parameters
    ----------
    gallery : Gallery
    card : ModelCard
        Of the trained model.
    folder : Path
        Of the features' model: model.yaml and weights.
    device : {"auto", "cpu", "cuda"}
    threads : int
        Of the CPU.

    Returns
    -------
    ndarray of float32, shape (n_images, dim), or (n_images, n_layers, dim) where layers are mixed

    Raises
    ------
    InputError
        If the features were not made by a model, the model is missing or has other weights, or an image does not
        decode.
    """
    views, layers = _listed(card.gallery_view), _listed(card.target_layer)
    for view in views:
        if view not in (known := (RAW, STORED, *MADE_VIEWS)):
            raise bad_value("the model's view of the gallery", view, known, cure="train it again")
    if not views or not layers:
        raise InputError("the model names no view or no layer of the images; train it again")
    made_views = _recorded(card.features, "views", ViewsParams, needed=any(view in MADE_VIEWS for view in views))
    with TemporaryDirectory(prefix="trialign-gallery-") as scratch:
        store, bank = Path(scratch) / "vse.zarr.zip", Path(scratch) / "features.h5"
        use_threads(threads)
        model = load_model(folder, pick_device(device, key="--device"))
        _check_revision(f"sha256:{model.revision}", card, folder)
        check_fit(model, layers, has_captions=False)
        if STORED in views:
            _write_saliency(store, gallery, card)
        shown = ShownImages(model, views, gallery.table, images=gallery.root, store=store, params=made_views)
        _write_bank(bank, model, shown, layers, "float16" if card.features.get("dtype") == "float16" else "float32")
        return _read_bank(bank, card, gallery.image_ids)


def _listed(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _recorded(features: dict[str, Any], name: str, schema: type, *, needed: bool) -> Any:
    """A section of params.yaml that was recorded with the features."""
    if not needed:
        return None
    if features.get(name) is None:
        raise InputError(f"the model does not say how the views were made (section {name}); train it again")
    return validated(features, name, schema, where="the model's features")


def _check_revision(found: str, card: ModelCard, folder: Path) -> None:
    if found != card.features.get("revision"):
        raise InputError(
            f"{folder}: the weights are {found}, but the features that the brain was aligned to are of "
            f"{card.features.get('revision')}; name the folder of that model with --features-model"
        )


def _write_saliency(store: Path, gallery: Gallery, card: ModelCard) -> None:
    params = _recorded(card.features, "vse", VseParams, needed=True)
    for _ in write_views(store, gallery.image_ids, gallery.files, params):
        pass


def _write_bank(path: Path, model: ImageTextModel, shown: ShownImages, layers: Sequence[str], dtype: str) -> None:
    job, limit = Job(model, shown, layers, [], BATCH), BatchLimit(BATCH, "set --device to cpu")
    with BankWriter(path, shown.image_ids, dtype=dtype, attributes={}) as bank, shown:
        for batch in shown.batches(list(batched(range(len(shown.image_ids)), BATCH))):
            for dataset, values in encode_batch(job, batch, limit).items():
                bank.write_rows(dataset, batch.rows[0], values)


def _read_bank(path: Path, card: ModelCard, image_ids: list[str]) -> np.ndarray:
    with open_bank(path) as bank:
        return read_target(bank, card.gallery_view, card.target_layer, image_ids)
