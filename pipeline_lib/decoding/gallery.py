"""The gallery: images that may have been seen, encoded by the model that the brain was aligned to."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.stimulus_table import COLUMNS, NO_EVENT, Split, StimulusTable
from pipeline_lib.features.record import SUPPLIED
from pipeline_lib.stimuli.naming import SUFFIXES, image_id_of
from pipeline_lib.training.model_card import ModelCard

LEAST_IMAGES = 2


@dataclass(frozen=True)
class Gallery:
    """Images to be ranked.

    Attributes
    ----------
    root : Path
        The folder they lie in.
    table : StimulusTable
        Their ids, files below `root`, and concepts.
    """

    root: Path
    table: StimulusTable

    @property
    def image_ids(self) -> list[str]:
        """By row."""
        return self.table.frame["image_id"].tolist()

    @property
    def files(self) -> list[Path]:
        """By row."""
        return [self.root / file for file in self.table.frame["file"]]


def read_gallery(place: Path, table: StimulusTable | None, split: Split, images: Path | None) -> Gallery:
    """List the images; none is opened.

    Parameters
    ----------
    place : Path
        A folder, of which all image files count, those in folders below it too; or a stimulus table.
    table : StimulusTable or None
        The content of `place`, where that is a stimulus table.
    split : {"train", "test", "center"}
        The rows of the table that count.
    images : Path or None
        The folder to which the table's files are relative. None: the folder of the table.

    Raises
    ------
    InputError
        If the folder is missing, or there are fewer than two images.
    """
    if table is not None:
        gallery = Gallery(images or place.parent, StimulusTable(table.of_split(split).reset_index(drop=True)))
        _check_files(gallery, place)
    elif place.is_dir():
        gallery = Gallery(place, _table_of_folder(place))
    else:
        raise InputError(f"{place}: no such gallery; give a folder of images, or a stimulus table (.csv)")
    if (found := len(gallery.table)) < LEAST_IMAGES:
        kind = f"images of split {split}" if table is not None else f"image files ({', '.join(SUFFIXES)})"
        said = f"the gallery holds {found or 'no'} {kind if found != 1 else kind.replace('images', 'image', 1)}"
        raise InputError(
            f"{place}: {said}; a ranking needs at least {LEAST_IMAGES}; add images that may have been seen"
        )
    return gallery


def features_folder(card: ModelCard, given: Path | None) -> Path:
    """The folder of the features' model: as the user says, or where it lay in training.

    Raises
    ------
    InputError
        If no model made the features, or it is not known which, or its folder is not there.
    """
    role, models = card.features.get("model"), card.features.get("models")
    if card.features.get("architecture") == SUPPLIED:
        raise InputError(
            f"the model was trained on features that were supplied ready-made ({role}), so no other image can be "
            "encoded; train it on features of a model (features.model) to decode with a gallery"
        )
    if given is None and not (role and models and isinstance(role, str) and isinstance(models, str)):
        raise InputError("the model does not say which model made its features; name its folder with --features-model")
    folder = given or Path(models) / role
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such folder; it must hold the model that made the features ({role}): name its folder with "
            "--features-model"
        )
    return folder


def _table_of_folder(place: Path) -> StimulusTable:
    images = (path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES and not path.is_dir())
    found = sorted(path.relative_to(place) for path in images)
    files = [file.as_posix() for file in found if not any(part.startswith(".") for part in file.parts)]
    if unnamed := next((file for file in files if not _is_text(file)), None):
        raise InputError(f"{place}: the name of {unnamed!r} is not UTF-8; rename the file")
    ids = pd.Series([image_id_of(file) for file in files], dtype=object)
    doubled = ids.duplicated(keep=False)  # a.jpg and a.png
    rows = {
        "image_id": np.where(doubled, pd.Series(files, dtype=object), ids),
        "file": files,
        "concept": [Path(file).parent.name for file in files],
        "split": "test",
        "event_code": NO_EVENT,
    }
    return StimulusTable(pd.DataFrame(rows, columns=list(COLUMNS)))


def _is_text(name: str) -> bool:
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def _check_files(gallery: Gallery, place: Path) -> None:
    if missing := [file for file in gallery.files if not file.is_file()]:
        raise InputError(
            f"{place}: {len(missing)} of {len(gallery.files)} image files are not there, the first is {missing[0]}; "
            "name the folder of the images with --images"
        )
