"""What a brain embedding is matched with.

Two protocols are mixed in the literature, the test image itself and the centre of other images of its concept, and
that alone moves published figures by points; so the gallery is always named.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from pipeline_lib.common.errors import InputError, bad_value, listed
from pipeline_lib.retrieval.metrics import unit_rows
from pipeline_lib.retrieval.params import GalleryName


@dataclass(frozen=True)
class Targets:
    """Embeddings of the test images, and of what else serves as a gallery, after the trained projection.

    Attributes
    ----------
    image : ndarray, shape (n_test, dim)
    concepts : sequence of str
        The concept of each test image.
    text : ndarray, shape (n_test, dim), optional
        Of each test image's caption.
    center : ndarray, shape (n_center, dim), optional
        Other images of the test concepts (split ``center``).
    center_concepts : sequence of str
        The concept of each of them.
    """

    image: np.ndarray
    concepts: Sequence[str]
    text: np.ndarray | None = None
    center: np.ndarray | None = None
    center_concepts: Sequence[str] = ()


@dataclass(frozen=True)
class Gallery:
    """Items to be ranked.

    Attributes
    ----------
    name : str
    embeddings : ndarray of float64, shape (n_items, dim)
        Unit rows.
    relevant : ndarray of bool, shape (n_test, n_items)
        Which items match which test image.
    """

    name: str
    embeddings: np.ndarray
    relevant: np.ndarray


@dataclass(frozen=True)
class Names:
    """What the rows and columns of a similarity matrix are.

    Attributes
    ----------
    image_ids, concepts : sequence of str, length n_queries
        Of the image that each query is a response to.
    items : sequence of str, length n_gallery
        Image ids, or for class centres concepts.
    """

    image_ids: Sequence[str]
    concepts: Sequence[str]
    items: Sequence[str]


def build_gallery(name: GalleryName, targets: Targets) -> Gallery:
    """The gallery of that name.

    ``image`` holds the test images themselves, ``text`` their captions, ``image+text`` the normalised sum of both
    (each normalised before), ``class-center`` one item per test concept: the normalised mean of the normalised
    embeddings of *other* images of it. Centres are means of projected embeddings (a reading: with the identity as
    projection, as in NICE, it makes no difference).

    Raises
    ------
    InputError
        If the gallery needs captions or other images of a concept, and there are none.
    """
    if name == "class-center":
        return _class_centers(targets)
    if name not in get_args(GalleryName):
        raise bad_value("gallery", name, get_args(GalleryName))
    image = unit_rows(targets.image)
    if name != "image":
        text = unit_rows(text_of(targets, name))
        image = text if name == "text" else unit_rows(image + text)
    return Gallery(name, image, np.eye(len(image), dtype=bool))


def item_names(name: GalleryName, image_ids: Sequence[str], concepts: Sequence[str]) -> list[str]:
    """What the items of a gallery are called: the test images, or for ``class-center`` their concepts.

    Parameters
    ----------
    name : GalleryName
    image_ids, concepts : sequence of str, length n_test
        Of the test images.
    """
    return list(dict.fromkeys(concepts)) if name == "class-center" else list(image_ids)


def text_of(targets: Targets, name: GalleryName) -> np.ndarray:
    """What there is of captions, for the gallery of that name.

    Raises
    ------
    InputError
        If there are none.
    """
    if targets.text is None:
        raise InputError(
            f"evaluate.galleries: {name!r} needs captions, and there are none; set caption.source, or leave the "
            "gallery out"
        )
    return targets.text


def concepts_of(targets: Targets) -> tuple[list[str], np.ndarray]:
    """The items of ``class-center``, and which test image belongs to which.

    Returns
    -------
    concepts : list of str
        In the order of the test images.
    relevant : ndarray of bool, shape (n_test, n_concepts)

    Raises
    ------
    InputError
        If a concept has no other image.
    """
    wanted = item_names("class-center", (), targets.concepts)
    offered = np.asarray(targets.center_concepts, dtype=object)
    if missing := [concept for concept in wanted if concept not in set(offered)]:
        raise InputError(
            f"evaluate.galleries: 'class-center' needs other images of each test concept, and {len(missing)} have "
            f"none: {listed(missing)}; add images of split 'center', or leave the gallery out"
        )
    return wanted, np.asarray(targets.concepts, dtype=object)[:, None] == np.asarray(wanted, dtype=object)[None, :]


def _class_centers(targets: Targets) -> Gallery:
    wanted, relevant = concepts_of(targets)
    offered = np.asarray(targets.center_concepts, dtype=object)
    others = unit_rows(targets.center)
    centers = unit_rows(np.stack([others[offered == concept].mean(axis=0) for concept in wanted]))
    return Gallery("class-center", centers, relevant)
