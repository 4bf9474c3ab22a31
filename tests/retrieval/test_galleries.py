"""What galleries promise."""

import math

import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.retrieval.galleries import Targets, build_gallery

TARGETS = Targets(
    image=np.array([[2.0, 0.0], [0.0, 3.0], [3.0, 4.0]]),
    concepts=["star", "ring", "cross"],
    text=np.array([[0.0, 1.0], [0.0, 5.0], [4.0, 3.0]]),
    center=np.array([[1.0, 0.0], [0.0, 7.0], [0.0, 1.0], [-1.0, 0.0]]),
    center_concepts=["star", "star", "cross", "ring"],
)


def test_images_are_themselves_at_length_one():
    gallery = build_gallery("image", TARGETS)
    assert gallery.embeddings == pytest.approx(np.array([[1, 0], [0, 1], [0.6, 0.8]]))
    assert (gallery.relevant == np.eye(3)).all()


def test_centers_are_means_of_normalised_embeddings_by_hand():
    # star: (1, 0) and (0, 1), lengths aside; then the others, in the order of the test images
    half = math.sqrt(0.5)
    gallery = build_gallery("class-center", TARGETS)
    assert gallery.embeddings == pytest.approx(np.array([[half, half], [-1, 0], [0, 1]]))
    assert (gallery.relevant == np.eye(3)).all()


def test_centers_do_not_depend_on_the_order_of_other_images():
    order = [3, 1, 0, 2]
    shuffled = Targets(
        TARGETS.image, TARGETS.concepts, center=TARGETS.center[order],
        center_concepts=[TARGETS.center_concepts[i] for i in order],
    )  # fmt: skip
    expected = build_gallery("class-center", TARGETS).embeddings
    assert build_gallery("class-center", shuffled).embeddings == pytest.approx(expected)


def test_test_images_of_one_concept_share_its_center():
    targets = Targets(
        np.eye(3), ["star", "ring", "star"], center=TARGETS.center, center_concepts=TARGETS.center_concepts
    )
    gallery = build_gallery("class-center", targets)
    assert len(gallery.embeddings) == 2
    assert gallery.relevant.tolist() == [[True, False], [False, True], [True, False]]


def test_the_test_image_itself_never_enters_its_center():
    moved = Targets(-TARGETS.image, TARGETS.concepts, center=TARGETS.center, center_concepts=TARGETS.center_concepts)
    expected = build_gallery("class-center", TARGETS).embeddings
    assert (build_gallery("class-center", moved).embeddings == expected).all()


def test_text_and_the_normalised_sum_by_hand():
    assert build_gallery("text", TARGETS).embeddings == pytest.approx(np.array([[0, 1], [0, 1], [0.8, 0.6]]))
    half = math.sqrt(0.5)
    both = build_gallery("image+text", TARGETS).embeddings
    assert both == pytest.approx(np.array([[half, half], [0, 1], [half, half]]))


def test_every_gallery_has_rows_of_length_one():
    for name in ("image", "class-center", "text", "image+text"):
        assert np.linalg.norm(build_gallery(name, TARGETS).embeddings, axis=1) == pytest.approx(np.ones(3))


def test_names_the_concepts_without_other_images():
    targets = Targets(TARGETS.image, ["star", "ring", "moon"], center=TARGETS.center, center_concepts=["star"] * 4)
    with pytest.raises(InputError, match=r"2 have none: ring, moon; add images of split 'center'"):
        build_gallery("class-center", targets)


def test_no_other_images_at_all():
    with pytest.raises(InputError, match="3 have none"):
        build_gallery("class-center", Targets(TARGETS.image, TARGETS.concepts))


@pytest.mark.parametrize("name", ["text", "image+text"])
def test_needs_captions(name):
    with pytest.raises(InputError, match=r"needs captions.*caption.source"):
        build_gallery(name, Targets(TARGETS.image, TARGETS.concepts))


def test_unknown_gallery():
    with pytest.raises(InputError, match="did you mean 'image'"):
        build_gallery("imgae", TARGETS)
