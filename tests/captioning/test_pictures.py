"""Pictures are never too large."""

import cv2
import numpy as np
import pytest

from pipeline_lib.captioning import pictures
from pipeline_lib.captioning.pictures import read_picture
from pipeline_lib.common.errors import InputError


@pytest.mark.parametrize(("shape", "kept"), [((40, 50), (40, 50)), ((50, 200), (25, 100)), ((1, 10_000), (1, 5000))])
def test_gigantic_pictures_are_made_smaller(tmp_path, monkeypatch, shape, kept):
    monkeypatch.setattr(pictures, "MOST_PIXELS", 2500)
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), np.full((*shape, 3), (1, 2, 3), np.uint8))
    picture = read_picture(path)
    assert picture.shape == (*kept, 3)
    assert (picture == (3, 2, 1)).all()


def test_a_picture_that_does_not_decode_is_named(tmp_path):
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 torn")
    with pytest.raises(InputError, match=r"torn\.jpg"):
        read_picture(tmp_path / "torn.jpg")
