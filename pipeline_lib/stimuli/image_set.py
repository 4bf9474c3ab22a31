"""The image set of THINGS-EEG2: folders of concepts, and a file whose rows stand in the order of the event codes."""

import os
from collections.abc import Iterator
from filecmp import cmp
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.recordings.safe_pickle import load_dict, required, words
from pipeline_lib.stimuli.naming import SUFFIXES, concept_of, table_of

METADATA = "image_metadata.npy"
FOLDERS = {"train": "training_images", "test": "test_images"}
CENTER_FOLDER = "center_images"


def read_image_set(stimuli: Path, images: Path, *, closed_set: bool) -> StimulusTable:
    """Read which images there are, and in which order their event codes count them.

    Parameters
    ----------
    stimuli : Path
        The folder that holds ``image_metadata.npy``, or that file.
    images : Path
        The folder with ``training_images`` and ``test_images``; ``center_images``, of the same layout, may hold
        further images of the test concepts, which serve class centres only; none may be a tested image itself.
    closed_set : bool
        Let test concepts occur in training.

    Returns
    -------
    StimulusTable

    Raises
    ------
    InputError
        If something is missing or doubled, a test concept occurs in training although `closed_set` is False, or a
        class centre would hold a test image.
    """
    metadata = stimuli if stimuli.is_file() else stimuli / METADATA
    if not metadata.is_file():
        raise InputError(f"{metadata}: no such file; study.stimuli must be the folder that holds it, or that file")
    content = load_dict(metadata)
    shown = [row for split in FOLDERS for row in _shown(content, split, metadata)]
    table = table_of(
        pd.DataFrame([*shown, *_centers(images)], columns=["file", "concept", "split"]), where=str(metadata)
    )
    check_concepts(table, closed_set=closed_set, where=str(metadata))
    check_files(table, images)
    _check_centers(table, images)
    return table


def check_concepts(table: StimulusTable, *, closed_set: bool, where: str) -> None:
    """Refuse training concepts that are tested unless `closed_set`, and class centres of concepts that are not tested.

    Raises
    ------
    InputError
        Naming the concepts.
    """
    train, test, center = (set(table.of_split(split)["concept"]) for split in ("train", "test", "center"))
    if (shared := sorted(train & test)) and not closed_set:
        raise InputError(
            f"{where}: {len(shared)} concepts stand in both training and test: {listed(shared)}; "
            "zero-shot retrieval needs test concepts that training never shows: take them out of training, "
            "or set study.closed_set=true"
        )
    if stray := sorted(center - test):
        raise InputError(f"{where}: {CENTER_FOLDER} holds concepts that are not tested: {listed(stray)}")


def check_files(table: StimulusTable, images: Path) -> None:
    """Refuse a table of which image files are missing.

    Raises
    ------
    InputError
        Naming the files.
    """
    if not images.is_dir():
        raise InputError(f"study.images: there is no folder {images}; unpack the study's images there")
    # Not Path.is_file, which raises an error for names that the file system finds too long.
    if missing := [file for file in table.frame["file"] if not os.path.isfile(images / file)]:
        few = f"{len(missing)} of {len(table)} image files are missing: {listed(missing)}"
        raise InputError(f"{images}: {few}; unpack all of the study's images there, or correct study.images")


def _check_centers(table: StimulusTable, images: Path) -> None:
    """Refuse test images among those of the class centres, as when all of THINGS' pictures of a concept are copied."""
    tested, offered = (table.of_split(split).groupby("concept")["file"] for split in ("test", "center"))
    pairs = (pair for concept, files in offered for pair in product(files, tested.get_group(concept)))
    if same := [center for center, test in pairs if cmp(images / center, images / test, shallow=False)]:
        raise InputError(
            f"{images}: {len(same)} of {CENTER_FOLDER} are test images themselves: {listed(same)}; remove them, a "
            "class centre is made of other images"
        )


def _shown(content: dict[str, Any], split: str, metadata: Path) -> Iterator[tuple[str, str, str]]:
    keys = {"train": ("train_img_concepts", "train_img_files"), "test": ("test_img_concepts", "test_img_files")}[split]
    columns = required(content, keys, metadata)
    folders, files = (words(column, key, metadata) for column, key in zip(columns, keys, strict=True))
    if len(folders) != len(files):
        raise InputError(f"{metadata}: {keys[0]} has {len(folders)} entries and {keys[1]} {len(files)}: must be equal")
    for folder, file in zip(folders, files, strict=True):
        yield f"{FOLDERS[split]}/{folder}/{file}", concept_of(folder), split


def _centers(images: Path) -> Iterator[tuple[str, str, str]]:
    for path in sorted((images / CENTER_FOLDER).glob("*/*")):
        if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
            yield path.relative_to(images).as_posix(), concept_of(path.parent.name), "center"
