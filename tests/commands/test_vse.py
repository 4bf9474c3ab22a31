"""Command `trialign vse`: two PNG files for each picture, or none at all."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from pipeline_lib.commands import vse as module
from pipeline_lib.commands.vse import vse
from pipeline_lib.common.cli import guarded
from pipeline_lib.common.errors import InputError
from pipeline_lib.common.params import load_section
from pipeline_lib.stimuli.extraction import saliency_of_file
from pipeline_lib.stimuli.params import VseParams


@pytest.fixture(autouse=True)
def somewhere(tmp_path, monkeypatch):
    """Run in a folder without params.yaml."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def pictures(tmp_path):
    """Three pictures of different sizes and kinds."""
    rng, files = np.random.default_rng(0), []
    for name, shape in (("a.png", (30, 40, 3)), ("b.v2.bmp", (300, 250)), ("c.jpg", (64, 64, 3))):
        files.append(tmp_path / name)
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(files[-1])
    return files


@pytest.fixture
def settings(tmp_path, params):
    """Write a params.yaml with changes in section vse."""

    def write(path=tmp_path / "mine.yaml", **changes):
        path.write_text(yaml.safe_dump({"vse": params["vse"] | changes}))
        return path

    return write


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_each_picture_gives_its_view_and_its_map(pictures, tmp_path, project_root, capsys):
    out = tmp_path / "deep" / "out"
    vse(pictures, out=out)
    names = ["a_saliency.png", "a_view.png", "b.v2_saliency.png", "b.v2_view.png", "c_saliency.png", "c_view.png"]
    assert list(contents(out)) == names
    shipped = load_section(project_root / "params.yaml", "vse", VseParams)
    for picture in pictures:
        expected = saliency_of_file(picture, shipped)
        with (
            Image.open(out / f"{picture.stem}_view.png") as view,
            Image.open(out / f"{picture.stem}_saliency.png") as map_,
        ):
            assert (view.mode, map_.mode, view.size) == ("RGB", "L", (224, 224))
            assert (np.asarray(view) == expected.view).all()
            assert (np.asarray(map_) == expected.map).all()
    assert capsys.readouterr().out == f"vse: views and maps of 3 images -> {out}\n"


def test_threads_change_no_byte(pictures, tmp_path):
    for threads in (1, 2, 3):
        vse(pictures, out=tmp_path / str(threads), threads=threads)
    assert contents(tmp_path / "1") == contents(tmp_path / "2") == contents(tmp_path / "3")


def test_the_parameters_given_are_used(pictures, tmp_path, settings):
    vse(pictures, out=tmp_path / "out", params_file=settings(size=32))
    with Image.open(tmp_path / "out" / "a_view.png") as view:
        assert view.size == (32, 32)


def test_native_size_allows_pictures_of_different_sizes(pictures, tmp_path, settings):
    vse(pictures, out=tmp_path / "out", params_file=settings(size=None))
    with Image.open(tmp_path / "out" / "a_view.png") as a, Image.open(tmp_path / "out" / "b.v2_view.png") as b:
        assert (a.size, b.size) == ((40, 30), (250, 300))


def test_params_yaml_here_comes_before_the_shipped_one(pictures, tmp_path, settings):
    settings(Path("params.yaml"), size=48)
    vse(pictures[:1], out=tmp_path / "out")
    with Image.open(tmp_path / "out" / "a_view.png") as view:
        assert view.size == (48, 48)


def test_a_parameter_file_that_is_named_must_exist(pictures, tmp_path):
    with pytest.raises(InputError, match=r"absent\.yaml: no such file"):
        vse(pictures, out=tmp_path / "out", params_file=tmp_path / "absent.yaml")


def test_without_any_parameters_the_cure_is_said(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SHIPPED_PARAMS", tmp_path / "nowhere" / "params.yaml")
    with pytest.raises(InputError, match=r"params\.yaml: no such file.*--params-file"):
        vse(pictures, out=tmp_path / "out")


def test_what_lies_in_the_folder_stays(pictures, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    vse(pictures[:1], out=out)
    assert list(contents(out)) == ["a_saliency.png", "a_view.png", "notes.txt"]


@pytest.mark.parametrize("exists", [True, False])
def test_one_bad_picture_leaves_nothing(pictures, tmp_path, exists):
    (tmp_path / "d.jpg").write_text("no picture")
    out = tmp_path / "out"
    if exists:
        out.mkdir()
    with pytest.raises(InputError, match=r"d\.jpg: not an image"):
        vse([*pictures, tmp_path / "d.jpg"], out=out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.v2.bmp", "c.jpg", "d.jpg", "here"] + (
        ["out"] if exists else []
    )
    assert not exists or contents(out) == {}


def test_pictures_of_one_name_are_refused(pictures, tmp_path):
    (tmp_path / "other").mkdir()
    same = tmp_path / "other" / "a.jpg"
    Image.open(pictures[0]).save(same)
    with pytest.raises(InputError, match=r"a\.png, .*a\.jpg"):
        vse([*pictures, same], out=tmp_path / "out")
    with pytest.raises(InputError, match=r"overwrite each other"):
        vse([pictures[0], pictures[0]], out=tmp_path / "out")


def test_a_picture_is_never_overwritten(pictures, tmp_path):
    victim = tmp_path / "a_view.png"
    Image.open(pictures[0]).save(victim)
    before = victim.read_bytes()
    with pytest.raises(InputError, match=r"would overwrite .*a_view\.png; choose another folder"):
        vse([pictures[0], victim], out=tmp_path)
    assert victim.read_bytes() == before


def test_a_file_is_no_folder(pictures, tmp_path):
    for out in (pictures[0], pictures[0] / "below"):
        with pytest.raises(InputError, match=r"a\.png is a file; choose a folder"):
            vse(pictures, out=out)


def test_the_program_ends_with_exit_code_2_and_one_line(tmp_path, capsys, monkeypatch):
    from pipeline_lib.commands.main import build_app

    monkeypatch.setattr("sys.argv", ["trialign", "vse", str(tmp_path / "absent.png"), "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as caught:
        guarded(build_app("vse"))
    assert caught.value.code == 2
    assert capsys.readouterr().err == f"trialign: {tmp_path / 'absent.png'}: no such image\n"


def test_photographs(real_data, tmp_path):
    photos = sorted((real_data / "photos").glob("*.jpg"))
    if not photos:
        pytest.skip(f"no photographs in {real_data / 'photos'}")
    vse(photos, out=tmp_path / "one", threads=1)
    vse(photos[::-1], out=tmp_path / "two", threads=2)
    assert len(contents(tmp_path / "one")) == 2 * len(photos)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
