"""A picture is 8-bit RGB whatever it was saved as; a file that is no picture is named."""

import io
import re
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from pipeline_lib.common.errors import InputError
from pipeline_lib.stimuli import images
from pipeline_lib.stimuli.images import load_image, read_image, resize_and_crop


@pytest.fixture
def saved(tmp_path):
    """Save a Pillow image or bytes and give the path."""

    def save(content, name, **options):
        path = tmp_path / name
        content.save(path, **options) if isinstance(content, Image.Image) else path.write_bytes(content)
        return path

    return save


def encoded(rgb, kind, **options):
    with io.BytesIO() as buffer:
        Image.fromarray(rgb).save(buffer, kind, **options)
        return buffer.getvalue()


# What is read


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_pixels_come_back_as_they_were_saved(saved, picture, kind):
    rgb = picture()
    result = read_image(saved(encoded(rgb, kind), "picture.dat"))
    assert result.dtype == np.uint8
    assert (result == rgb).all()


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "JPEG2000"])
def test_lossy_formats_come_back_closely(saved, kind):
    rgb = np.indices((32, 32)).sum(axis=0)[..., None].astype(np.uint8) * np.array([4, 2, 1], np.uint8)
    assert np.abs(read_image(saved(encoded(rgb, kind, quality=95), "p")).astype(int) - rgb).mean() < 4


def test_gray_fills_all_channels(saved, picture):
    gray = picture()[..., 0]
    assert (read_image(saved(Image.fromarray(gray), "gray.png")) == gray[..., None]).all()


def test_bilevel_is_black_and_white(saved):
    pixels = np.array([[True, False]])
    assert read_image(saved(Image.fromarray(pixels), "bilevel.png"))[0].tolist() == [[255] * 3, [0] * 3]


def test_a_palette_is_looked_up(saved):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    assert read_image(saved(image, "palette.png"))[0].tolist() == [[10, 20, 30], [200, 100, 50]]


def test_transparent_pixels_lie_over_white(saved):
    rgba = np.array([[[100, 0, 0, 255], [100, 0, 0, 0], [100, 0, 0, 51]]], np.uint8)
    # 51 / 255 is a fifth: 0.2 * 100 + 0.8 * 255 = 224 and 0.8 * 255 = 204
    assert read_image(saved(Image.fromarray(rgba), "rgba.png"))[0].tolist() == [[100, 0, 0], [255] * 3, [224, 204, 204]]


def test_a_transparent_palette_entry_lies_over_white(saved):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    assert read_image(saved(image, "p.png", transparency=0))[0].tolist() == [[255] * 3, [200, 100, 50]]


def test_gray_with_transparency_lies_over_white(saved):
    pixels = np.array([[[100, 255], [100, 0]]], np.uint8)
    assert read_image(saved(Image.fromarray(pixels, "LA"), "la.png"))[0].tolist() == [[100] * 3, [255] * 3]


@pytest.mark.parametrize("name", ["deep.png", "deep.tif"])
def test_sixteen_bits_are_scaled_not_clipped(saved, name):
    deep = np.array([[0, 257 * 3, 32768, 65535]], np.uint16)
    assert read_image(saved(Image.fromarray(deep), name))[0, :, 0].tolist() == [0, 3, 128, 255]


def test_every_value_of_sixteen_bits_becomes_the_nearest(saved):
    deep = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    expected = np.rint(deep / 257)
    assert (read_image(saved(Image.fromarray(deep), "deep.png"))[..., 1] == expected).all()
    big_endian = saved(b"P5 256 256 65535 " + deep.astype(">u2").tobytes(), "deep.pgm")
    assert outcome(big_endian) in ("picture", "named")


def test_sixteen_bit_colour_is_scaled(saved):
    rows = b"\x00" + struct.pack(">6H", 65535, 0, 32768, 0, 65535, 257)
    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    png = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    assert read_image(saved(b"\x89PNG\r\n\x1a\n" + png, "deep.png"))[0].tolist() == [[255, 0, 128], [0, 255, 1]]


def test_cmyk_becomes_rgb(saved):
    cmyk = Image.merge("CMYK", [Image.new("L", (16, 16), ink) for ink in (0, 255, 255, 0)])
    red = read_image(saved(cmyk, "cmyk.jpg", quality=95))[8, 8]
    assert np.abs(red.astype(int) - [255, 0, 0]).max() < 6


@pytest.mark.parametrize(
    ("orientation", "undo"),
    [
        (1, lambda a: a),
        (2, np.fliplr),
        (3, lambda a: np.rot90(a, 2)),
        (4, np.flipud),
        (5, lambda a: a.swapaxes(0, 1)),
        (6, lambda a: np.rot90(a, 1)),
        (7, lambda a: np.rot90(a, 2).swapaxes(0, 1)),
        (8, lambda a: np.rot90(a, -1)),
    ],
)
def test_exif_orientation_is_applied(saved, picture, orientation, undo):
    rgb = picture(24, 40)
    exif = Image.Exif()
    exif[0x0112] = orientation
    # A camera that is held as `orientation` says stores `undo(rgb)` of an upright scene.
    stored = Image.fromarray(np.ascontiguousarray(undo(rgb)))
    assert (read_image(saved(stored, "turned.png", exif=exif)) == rgb).all()


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_unknown_orientation_is_none(saved, picture, value):
    exif = Image.Exif()
    exif[0x0112] = value
    assert (read_image(saved(Image.fromarray(picture()), "odd.png", exif=exif)) == picture()).all()


def test_a_damaged_exif_block_does_not_matter_and_is_not_spoken_of(saved, picture, recwarn):
    damaged = b"Exif\x00\x00II*\x00\xff\xff\xff\xff" + b"\x07" * 20
    assert read_image(saved(Image.fromarray(picture()), "damaged.jpg", exif=damaged)).shape == picture().shape
    assert not recwarn.list


def test_pillow_is_hushed_once(saved, picture):
    path = saved(encoded(picture(), "PNG"), "picture.png")
    with warnings.catch_warnings():
        for _ in range(3):
            read_image(path)
        assert sum(entry[3] == re.compile("PIL") for entry in warnings.filters) == 1


def test_only_gigantic_pictures_wait_for_their_turn(saved, picture, monkeypatch):
    path = saved(encoded(picture(), "PNG"), "picture.png")
    taken = []
    monkeypatch.setattr(images, "GIGANTIC_TURN", Turn(taken))
    load_image(path, 16)
    assert taken == []
    monkeypatch.setattr(images, "GIGANTIC_PIXELS", 1000)
    monkeypatch.setattr(images, "resize_and_crop", lambda rgb, size: taken.append("resized") or rgb)
    load_image(path, 16)
    assert taken == ["begins", "resized", "ends"]


class Turn:
    """A lock that writes down when it is held."""

    def __init__(self, taken):
        self.taken = taken

    def __enter__(self):
        self.taken.append("begins")

    def __exit__(self, *_):
        self.taken.append("ends")


def test_of_several_frames_the_first_is_taken(saved):
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    path = saved(frames[0], "film.gif", save_all=True, append_images=frames[1:])
    assert read_image(path)[0, 0].tolist() == [255, 0, 0]


def test_one_pixel_is_a_picture(saved):
    path = saved(Image.new("RGB", (1, 1), (9, 8, 7)), "dot.png")
    assert read_image(path).tolist() == [[[9, 8, 7]]]
    assert (load_image(path, 224) == [9, 8, 7]).all()


def test_the_ending_does_not_matter(saved, picture):
    assert (read_image(saved(encoded(picture(), "PNG"), "really_a.jpg")) == picture()).all()


# What is refused


HOSTILE = {
    "text": b"this is no picture\n",
    "empty": b"",
    "stub": b"../.git/annex/objects/4z/xQ/SHA256E-s123--abc.jpg",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_is_no_picture_is_named(saved, content):
    with pytest.raises(InputError, match=r"wrong\.jpg: not an image"):
        read_image(saved(content, "wrong.jpg"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "JPEG2000"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_truncated_file_is_named(saved, picture, kind, share):
    whole = encoded(picture(64, 64), kind)
    with pytest.raises(InputError, match=r"cut\.jpg: "):
        read_image(saved(whole[: int(share * len(whole))], "cut.jpg"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "GIF"])
def test_damaged_bytes_give_a_picture_or_a_named_file(saved, picture, kind):
    whole, rng = encoded(picture(64, 64), kind), np.random.default_rng(0)
    for _ in range(40):
        damaged = bytearray(whole)
        for place in rng.integers(4, len(whole), 8):
            damaged[place] = rng.integers(256)
        assert outcome(saved(bytes(damaged), "damaged.img")) in ("picture", "named")


def outcome(path):
    try:
        return "picture" if read_image(path).dtype == np.uint8 else "pixels of another kind"
    except InputError as error:
        return "named" if path.name in str(error) else "not named"


def test_a_decompression_bomb_is_named_before_it_unpacks(saved):
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    data = struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    with pytest.raises(InputError, match=r"bomb\.png: .*3600000000 pixels"):
        read_image(saved(b"\x89PNG\r\n\x1a\n" + chunk + data, "bomb.png"))


def test_too_many_pixels_are_counted(saved, picture, monkeypatch):
    monkeypatch.setattr(images, "MAX_PIXELS", 1000)
    with pytest.raises(InputError, match=r"large\.png: 56 x 40 pixels are too many \(at most 1000\)"):
        read_image(saved(Image.fromarray(picture()), "large.png"))


def test_thirty_two_bit_pixels_are_refused(saved):
    path = saved(Image.fromarray(np.ones((2, 2), np.float32)), "float.tif")
    with pytest.raises(InputError, match=r"float\.tif: 32-bit pixels have no known range"):
        read_image(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"absent\.jpg: no such image"):
        read_image(tmp_path / "absent.jpg")


def test_a_folder_is_named(tmp_path):
    with pytest.raises(InputError, match=str(tmp_path)):
        read_image(tmp_path)


# Resize and crop


def test_native_size_is_untouched(picture):
    assert resize_and_crop(picture(), None) is not None
    assert (resize_and_crop(picture(), None) == picture()).all()


@pytest.mark.parametrize("shape", [(40, 56), (56, 40), (40, 40), (224, 500), (225, 224), (7, 3), (1, 1)], ids=str)
@pytest.mark.parametrize("size", [8, 40, 224])
def test_the_result_is_a_square_of_the_size(picture, shape, size):
    result = resize_and_crop(picture(*shape), size)
    assert result.shape == (size, size, 3)
    assert result.flags.c_contiguous


def test_smaller_is_the_mean_over_areas():
    rgb = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
    expected = rgb.reshape(8, 2, 8, 2, 3).mean(axis=(1, 3))
    assert np.abs(resize_and_crop(rgb, 8) - expected).max() <= 0.5


def test_the_middle_is_kept():
    # Columns 10 to 29 of 40 are the middle square of a picture 20 high; it has the size already, so nothing is mixed.
    rgb = np.zeros((20, 40, 3), np.uint8)
    rgb[..., 0] = np.arange(40)
    assert resize_and_crop(rgb, 20)[0, :, 0].tolist() == list(range(10, 30))


def test_a_blank_picture_stays_blank():
    for size in (8, 100):
        assert (resize_and_crop(np.full((31, 57, 3), 77, np.uint8), size) == 77).all()


def test_a_mirrored_picture_gives_the_mirrored_square(picture):
    rgb = picture(40, 60)
    mirrored = resize_and_crop(np.ascontiguousarray(rgb[:, ::-1]), 16)
    assert np.abs(mirrored[:, ::-1].astype(int) - resize_and_crop(rgb, 16)).max() <= 1


def test_a_strip_that_would_grow_without_bound_is_refused(saved):
    path = saved(Image.new("RGB", (20_000, 1)), "strip.png")
    with pytest.raises(InputError, match=r"strip\.png: .* pixels are too many"):
        load_image(path, 224)
