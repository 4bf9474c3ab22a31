"""Stages vse, features and caption take what they are given for the same picture, or say in one line what is wrong."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pipeline_lib.captioning.table import read_captions
from pipeline_lib.common.errors import InputError
from pipeline_lib.features.bank import open_bank
from pipeline_lib.stimuli.views import open_views
from tests.stages.pictured_study import MADE_VIEWS, STAGES, Saved, run_stage_of, write_models, write_study


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    write_models(folder)
    return folder


@pytest.fixture
def run(models, params):
    return lambda stage, folder, **changes: run_stage_of(stage, folder, models, params, **changes)


def blocks(height=60, width=80, channels=3, seed=0):
    """Random blocks of 4 x 4 pixels."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height // 4, width // 4, channels), dtype=np.uint8).repeat(4, 0).repeat(4, 1)


def inked(kind, **options):
    """A CMYK picture that is saved as `kind`: blocks of 16 x 16 that are covered by an ink or are not."""
    inks = np.random.default_rng(3).integers(0, 2, (4, 5, 4), dtype=np.uint8).repeat(16, 0).repeat(16, 1) * 255
    # An ink takes its colour from white, black takes all.
    rgb = np.where(inks[..., 3:] == 255, 0, 255 - inks[..., :3])
    return Saved(Image.fromarray(inks, "CMYK"), kind, options), rgb


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera stood on its right side: what is stored must be turned clockwise
    upright = blocks(seed=1)
    return Saved(Image.fromarray(np.ascontiguousarray(np.rot90(upright))), "PNG", {"exif": exif}), upright


def palette():
    colors, places = blocks(4, 64, seed=2)[0, ::4], blocks(channels=1)[..., 0] % 16
    image = Image.fromarray(places, "P")
    image.putpalette(colors.flatten().tolist())
    return Saved(image, "PNG"), colors[places]


def transparent():
    rgba = blocks(channels=4, seed=4)
    rgba[..., 3] = np.where(rgba[..., 3] > 127, 255, 0)
    return Saved(Image.fromarray(rgba), "PNG"), np.where(rgba[..., 3:] == 255, rgba[..., :3], 255)


def awkward_pictures():
    """By name: how it is saved, and the RGB that it shows."""
    gray = blocks(channels=1)
    deep = blocks(channels=1, seed=5).astype(np.uint16) * 257
    dot = np.array([[[200, 30, 99]]], np.uint8)
    return {
        "gray": (Saved(Image.fromarray(gray[..., 0]), "PNG"), gray.repeat(3, 2)),
        "palette": palette(),
        "rgba": transparent(),
        "sixteen-bit": (Saved(Image.fromarray(deep[..., 0]), "TIFF"), (deep // 257).repeat(3, 2)),
        "cmyk": inked("TIFF"),
        "turned": turned(),
        "dot": (Saved(Image.fromarray(dot), "BMP"), dot),
    }


@pytest.fixture(scope="module")
def awkward_and_plain(tmp_path_factory):
    """Two studies of the same pictures under the same names: in all kinds of files, and as plain RGB."""
    pictures = awkward_pictures()
    plain = {name: Saved(Image.fromarray(rgb.astype(np.uint8)), "PNG") for name, (_, rgb) in pictures.items()}
    folders = tmp_path_factory.mktemp("awkward"), tmp_path_factory.mktemp("plain")
    return (
        write_study(folders[0], {name: saved for name, (saved, _) in pictures.items()}),
        write_study(folders[1], plain),
    )


@pytest.mark.parametrize("stage", STAGES)
def test_how_a_picture_was_saved_changes_no_byte_of_a_stage(run, awkward_and_plain, stage):
    awkward, plain = (run(stage, folder).read_bytes() for folder in awkward_and_plain)
    assert awkward == plain


def test_a_cmyk_jpeg_is_nearly_the_same_picture(run, tmp_path):
    saved, rgb = inked("JPEG", quality=95)
    study = write_study(tmp_path, {"jpeg": saved, "plain": Saved(Image.fromarray(rgb.astype(np.uint8)), "PNG")})
    with open_views(run("vse", study)) as views:
        jpeg, plain = views.read(["train/jpeg", "train/plain"]).astype(int)
    assert np.abs(jpeg - plain).mean() < 4
    assert np.abs(jpeg - plain[::-1]).mean() > 20


# Gigantic


@pytest.fixture(scope="module")
def gigantic(tmp_path_factory):
    """A JPEG file of 12,000 x 8,000 pixels, four plain quarters, and a small picture of the same."""

    def quarters(width, height):
        image = Image.new("RGB", (width, height), (200, 30, 60))
        image.paste((20, 180, 90), (width // 2, 0, width, height // 2))
        image.paste((90, 90, 200), (0, height // 2, width // 2, height))
        return image

    # The quarters are whole JPEG blocks: no colour bleeds.
    gigantic, small = Saved(quarters(12_000, 8000), "JPEG", {"quality": 95}), Saved(quarters(192, 128), "PNG")
    folder = tmp_path_factory.mktemp("gigantic")
    return write_study(folder, {"gigantic": gigantic, "small": small})


def test_a_gigantic_picture_has_the_views_of_a_small_one(run, gigantic, recwarn):
    with open_views(run("vse", gigantic, size=64)) as views:
        large, small = views.read(["train/gigantic", "train/small"]).astype(int)
    assert np.abs(large - small).max() <= 3  # JPEG's colours are off by one
    assert large.max() > 100
    assert [str(warning.message) for warning in recwarn if "ixels" in str(warning.message)] == []


def test_a_gigantic_picture_has_the_features_of_a_small_one(run, gigantic, params):
    params["views"] |= {"size": 64}
    with open_bank(run("features", gigantic, views=["raw", "lowres", "blur-high"])) as bank:
        for dataset in bank.datasets():
            large, small = bank.read(dataset, ["train/gigantic", "train/small"])
            assert np.linalg.norm(large - small) < 0.05 * np.linalg.norm(small), dataset


def test_a_gigantic_picture_is_described(run, gigantic):
    large, small = read_captions(run("caption", gigantic)).frame["text"]
    assert large == small


# Refused


def bomb():
    """60,000 x 60,000 pixels in a hundred bytes."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    chunks = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def truncated(kind):
    with io.BytesIO() as buffer:
        Image.fromarray(blocks()).save(buffer, kind)
        return buffer.getvalue()[: buffer.tell() * 2 // 3]


REFUSED = {
    "truncated-jpeg": (truncated("JPEG"), "does not decode"),
    "truncated-png": (truncated("PNG"), "does not decode"),
    "truncated-tiff": (truncated("TIFF"), "does not decode"),
    "bomb": (bomb(), "3600000000 pixels"),
    "empty": (b"", "not an image"),
    "text": (b"<html>404</html>", "not an image"),
    "stub": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n", "not an image"),
}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", REFUSED)
def test_a_picture_that_cannot_be_used_is_named_in_one_line(run, tmp_path, stage, name, recwarn):
    content, reason = REFUSED[name]
    good = Saved(Image.fromarray(blocks()), "JPEG")
    study = write_study(tmp_path, {"good": good, name: content, "good-too": good})
    with pytest.raises(InputError, match=rf"/train/{name}\.jpg: .*{reason}") as caught:
        run(stage, study)
    assert "\n" not in str(caught.value)
    assert list((study / "out").glob("*")) == []
    assert [warning for warning in recwarn if "PIL" in warning.filename] == []


@pytest.mark.parametrize(("stage", "changes"), [("vse", {}), ("features", {"views": ["raw"]}), ("features", {})])
def test_a_picture_too_narrow_for_a_square_is_named(run, tmp_path, stage, changes):
    study = write_study(tmp_path, {"strip": Saved(Image.new("RGB", (1_000_000, 1)), "PNG")})
    with pytest.raises(InputError, match=r"strip\.jpg: \d+ x \d+ pixels are too many"):
        run(stage, study, **changes)


# Real photographs


def test_real_photographs_have_views_features_and_captions(run, real_data, tmp_path):
    files = sorted((real_data / "photos").glob("*.jpg"))
    if not files:
        pytest.skip(f"no photographs in {real_data / 'photos'}")
    study = write_study(tmp_path, {file.stem: file.read_bytes() for file in files})
    ids = [f"train/{file.stem}" for file in files]
    with open_views(run("vse", study)) as views:
        assert views.read(ids).max(axis=(1, 2, 3)).min() > 60
    with open_bank(run("features", study)) as bank:
        assert bank.datasets() == sorted(f"{view}/final" for view in ["raw", *MADE_VIEWS])
        features = {view: bank.read(f"{view}/final", ids) for view in ["raw", *MADE_VIEWS]}
    for view, values in features.items():
        distances = np.linalg.norm(values[:, None] - values, axis=-1) + 1e9 * np.eye(len(files))
        assert distances.min() > 1e-3, view
    strengths = [np.linalg.norm(features[f"blur-{name}"] - features["raw"], axis=1).mean() for name in ("low", "high")]
    assert 0 < strengths[0] < strengths[1]
    assert (read_captions(run("caption", study)).frame["n_tokens"] > 0).all()
