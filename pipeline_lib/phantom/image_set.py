"""The phantom's pictures on disk, laid out like the image set of THINGS-EEG2, or like THINGS itself for the MEG.

THINGS-EEG2: ``training_images/00001_striped-red-star/striped-red-star_01b.jpg``, ``test_images`` with its own
numbering, ``center_images`` (ours: further pictures of the test concepts, shown to nobody) and ``image_metadata.npy``,
whose rows stand in the order of the event codes. THINGS: one folder per concept, ``00001_striped-red-star``. Beside
the pictures, ``categories.csv`` tells the shape, pattern and colour of every concept.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from pipeline_lib.common.progress import progress
from pipeline_lib.phantom.images import ALL_CONCEPTS, Concept, caption_of, draw, split_concepts
from pipeline_lib.phantom.params import PhantomParams
from pipeline_lib.phantom.streams import Stream, generator

JPEG_QUALITY = 95


@dataclass(frozen=True)
class Picture:
    """One picture of the set.

    Attributes
    ----------
    concept : Concept
        What it shows.
    path : str
        Its file below the image set, posix.
    things_concept : str
        The concept numbered over training and test together, as THINGS numbers its own.
    instance : int
        Number among the pictures of its concept, from 1.
    """

    concept: Concept
    path: str
    things_concept: str
    instance: int


@dataclass(frozen=True)
class ImageSet:
    """The pictures; the one at index i of `train` or `test` has event code i + 1."""

    train: tuple[Picture, ...]
    test: tuple[Picture, ...]
    center: tuple[Picture, ...]


def plan_image_set(params: PhantomParams) -> ImageSet:
    """Decide which pictures there are.

    Raises
    ------
    InputError
        If more concepts are wanted than there are.
    """
    train, test = split_concepts(params.seed, params.train_concepts, params.test_concepts)
    instances = range(1, params.train_images + 1)
    extra = range(2, params.center_images + 2)
    return ImageSet(
        train=tuple(_pictures("training_images", train, instances, first_number=1)),
        test=tuple(_pictures("test_images", test, range(1, 2), first_number=len(train) + 1)),
        center=tuple(_pictures("center_images", test, extra, first_number=len(train) + 1)),
    )


def as_things(images: ImageSet) -> ImageSet:
    """The same pictures with one folder per concept, whether for training or for the test."""

    def moved(pictures: tuple[Picture, ...]) -> tuple[Picture, ...]:
        return tuple(replace(each, path=f"{each.things_concept}/{Path(each.path).name}") for each in pictures)

    return ImageSet(moved(images.train), moved(images.test), moved(images.center))


def write_image_set(images: ImageSet, folder: Path, *, seed: int, size: int) -> None:
    """Draw every picture and write the set in the form of THINGS-EEG2: pictures and metadata.

    The parameters are those of :func:`write_pictures`.
    """
    write_pictures(images, folder, seed=seed, size=size)
    np.save(folder / "image_metadata.npy", metadata_of(images), allow_pickle=True)


def write_pictures(images: ImageSet, folder: Path, *, seed: int, size: int) -> None:
    """Draw every picture and write it.

    Parameters
    ----------
    images : ImageSet
        What to draw.
    folder : Path
        The image set's folder; must not exist yet.
    seed : int
        A picture depends on it, on the concept and on its number among the concept's pictures alone.
    size : int
        Side in pixels.
    """
    folder.mkdir(parents=True)
    pictures = [*images.train, *images.test, *images.center]
    for picture in progress(pictures, label="pictures", unit="picture"):
        rng = generator(seed, Stream.PICTURE, ALL_CONCEPTS.index(picture.concept), picture.instance)
        _write_jpeg(folder / picture.path, draw(picture.concept, rng, size))


def write_categories(images: ImageSet, path: Path) -> None:
    """Write which shape, pattern and colour each concept has: a table for ``analysis.categories``."""
    concepts = dict.fromkeys(picture.concept for picture in (*images.train, *images.test))
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["concept", "shape", "pattern", "colour"])
        rows.writerows([caption_of(concept), *concept] for concept in concepts)


def metadata_of(images: ImageSet) -> dict[str, list[str]]:
    """The dictionary of ``image_metadata.npy``: ``{train,test}_img_{concepts,files,concepts_THINGS}``."""
    metadata = {}
    for split, pictures in (("train", images.train), ("test", images.test)):
        metadata[f"{split}_img_concepts"] = [Path(picture.path).parent.name for picture in pictures]
        metadata[f"{split}_img_files"] = [Path(picture.path).name for picture in pictures]
        metadata[f"{split}_img_concepts_THINGS"] = [picture.things_concept for picture in pictures]
    return metadata


def _pictures(top: str, concepts: list[Concept], instances: range, *, first_number: int) -> Iterator[Picture]:
    for number, concept in enumerate(concepts):
        name = caption_of(concept).replace(" ", "-")
        folder = f"{top}/{number + 1:05d}_{name}"
        for instance in instances:
            path = f"{folder}/{name}_{instance:02d}b.jpg"
            yield Picture(concept, path, f"{first_number + number:05d}_{name}", instance)


def _write_jpeg(path: Path, rgb: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    encoded = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    path.write_bytes(encoded.tobytes())
