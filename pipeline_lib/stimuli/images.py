"""Read a picture from disk as plain 8-bit RGB, whatever it was saved as, and bring it to the size that is wanted."""

import re
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Lock
from typing import TypeVar

import cv2
import numpy as np
from numpy import ndarray
from PIL import Image, UnidentifiedImageError

from pipeline_lib.common.errors import InputError

# Pillow's other formats include PostScript, which it hands to an interpreter: a picture must not run anything.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "JPEG2000")
MAX_PIXELS = 178_956_970  # where Pillow, too, takes a file for a decompression bomb
GIGANTIC_PIXELS = 1 << 24
GIGANTIC_TURN = Lock()  # a picture of the largest size takes up to 3 GB while it is decoded, and many threads read
BACKGROUND = (255, 255, 255)  # under transparent pixels
ORIENTATION = 0x0112  # the EXIF tag
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

Made = TypeVar("Made")


def load_image(path: Path, size: int | None) -> ndarray:
    """:func:`with_image` of :func:`resize_and_crop`: what is kept of a gigantic picture is small."""
    return with_image(path, lambda rgb: resize_and_crop(rgb, size))


def read_image(path: Path) -> ndarray:
    """Decode a picture.

    Turned as its EXIF orientation says; transparent pixels lie over white; grey, palette, CMYK and 16-bit pictures
    become 8-bit RGB; of several frames the first is taken. Colour profiles are not applied.

    Parameters
    ----------
    path : Path
        A file of one of :data:`FORMATS`; its name's ending is not looked at.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        RGB.

    Raises
    ------
    InputError
        If the file is missing, does not decode to its end, or is too large to be a picture.
    """
    return with_image(path, lambda rgb: rgb)


def with_image(path: Path, use: Callable[[ndarray], Made]) -> Made:
    """Decode a picture as :func:`read_image` does and give what `use` makes of it; its errors, too, name `path`.

    Of pictures with more than :data:`GIGANTIC_PIXELS` only one at a time is in memory until `use` is done with it,
    whatever the number of threads.
    """
    _hush_pillow()
    try:
        with Image.open(path, formats=FORMATS) as image:
            _check_pixels(*image.size)
            with _turn(*image.size):
                return use(np.asarray(_as_rgb(_upright(image))))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except FileNotFoundError:
        raise InputError(f"{path}: no such image") from None
    except UnidentifiedImageError:
        raise InputError(f"{path}: not an image (known: {', '.join(FORMATS)}); replace or remove it") from None
    except MemoryError:
        raise
    except Exception as error:  # a damaged file makes Pillow raise almost anything, SyntaxError included
        raise InputError(f"{path}: the image does not decode ({error}); replace or remove it") from None


def resize_and_crop(rgb: ndarray, size: int | None) -> ndarray:
    """Resize the short side to `size` and cut the square in the middle.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (height, width, 3)
        A picture.
    size : int or None
        Pixels. None gives the picture back as it is.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
        Made smaller by the mean over areas, which does not alias, and larger bilinearly. An odd pixel too many is cut
        at the right or the bottom.

    Raises
    ------
    InputError
        If the picture is so narrow that its long side would become too large.
    """
    if size is None or rgb.shape[:2] == (size, size):
        return rgb
    new_height, new_width = resized_shape(rgb.shape, size)
    method = cv2.INTER_AREA if size < min(rgb.shape[:2]) else cv2.INTER_LINEAR
    resized = cv2.resize(rgb, (new_width, new_height), interpolation=method)
    top, left = (new_height - size) // 2, (new_width - size) // 2
    return np.ascontiguousarray(resized[top : top + size, left : left + size])


def resized_shape(shape: Sequence[int], size: int) -> tuple[int, int]:
    """Height and width when the short side of an image of `shape` is brought to `size` pixels.

    Raises
    ------
    InputError
        If the picture is so narrow that its long side would become too large.
    """
    height, width = shape[:2]
    short = min(height, width)
    new_height, new_width = (max(size, round(side * size / short)) for side in (height, width))
    _check_pixels(new_width, new_height)
    return new_height, new_width


def _hush_pillow() -> None:
    """Pillow's warnings name no file: what it warns of is a picture all the same, or is refused here in one line."""
    ignored = ("ignore", None, Warning, re.compile("PIL"), 0)
    if ignored not in warnings.filters:  # adding it again would bring back what other libraries have said already
        warnings.filterwarnings("ignore", module="PIL")


def _check_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise InputError(f"{width} x {height} pixels are too many (at most {MAX_PIXELS}); shrink or crop the image")


def _turn(width: int, height: int) -> AbstractContextManager[object]:
    return GIGANTIC_TURN if width * height > GIGANTIC_PIXELS else nullcontext()


def _upright(image: Image.Image) -> Image.Image:
    image.load()
    try:
        orientation = image.getexif().get(ORIENTATION, 1)
    except Exception:  # a damaged EXIF block does not make the pixels unusable
        orientation = 1
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        image = _from_16_bit(image)
    if image.mode in ("I", "F"):
        raise InputError("32-bit pixels have no known range; save the image with 8 or 16 bits")
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    pixels = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", pixels.size, (*BACKGROUND, 255)), pixels).convert("RGB")


def _from_16_bit(image: Image.Image) -> Image.Image:
    # Pillow's own conversion clips at 255 instead of scaling. 257 is odd: no value lies halfway between two.
    return Image.fromarray(cv2.convertScaleAbs(np.asarray(image, dtype=np.uint16), alpha=1 / 257))
