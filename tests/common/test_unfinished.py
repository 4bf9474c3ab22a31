"""Finished parts survive a kill whole or not at all; nothing is believed that is damaged or was made otherwise."""

import errno
import json
import os

import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.unfinished import Unfinished

MADE_OF = {"model": ["blip2", "sha256:1"], "prompt": "a", "decoding": {"max_new_tokens": 3}}
CONTENTS = [b"first", b"", b"lines\nand\r\nbytes \0\xff", bytes(100_000)]


class Words(Unfinished):
    what = "words"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "table.csv"


@pytest.fixture
def parts(out):
    return Words(out, MADE_OF)


def contents(parts):
    return sorted(content for _, content in parts.whole_parts())


def test_what_was_appended_comes_back(parts, out):
    names = {parts.keep(content): content for content in CONTENTS}
    again = Words(out, dict(reversed(MADE_OF.items())))
    assert dict(again.whole_parts()) == names
    assert all(again.content_of(name) == content for name, content in names.items())


def test_the_same_part_twice_is_one(parts):
    assert parts.keep(b"x") == parts.keep(b"x")
    assert contents(parts) == [b"x"]


def test_it_lies_beside_the_output_under_a_name_that_git_and_dvc_ignore(parts, out, project_root):
    parts.keep(b"x")
    assert [path.name for path in out.parent.iterdir()] == [".table.csv.unfinished.words"]
    assert parts.folder.parent == out.with_name(".table.csv.unfinished.words")
    for file in (".gitignore", ".dvcignore"):
        assert "*.unfinished.*" in (project_root / file).read_text().splitlines()


@pytest.mark.parametrize("part", MADE_OF)
def test_what_is_made_of_something_else_is_left_alone_and_told(parts, out, capsys, part):
    parts.keep(b"x")
    other = Words(out, MADE_OF | {part: "changed"})
    assert contents(other) == []
    assert f"unfinished words of another {part}; ignored, delete it if unwanted" in capsys.readouterr().err
    other.keep(b"y")
    other.discard()
    assert contents(parts) == [b"x"]


def test_cut_off_anywhere_a_part_is_dropped_alone(parts, capsys):
    whole, cut = parts.keep(b"whole"), parts.keep(b"cut off")
    for length in range(len(b"cut off")):
        (parts.folder / cut).write_bytes(b"cut off"[:length])
        assert dict(parts.whole_parts()) == {whole: b"whole"}
        assert "1 damaged parts are dropped, their words are made again" in capsys.readouterr().err
        assert not (parts.folder / cut).exists()


def test_a_changed_byte_loses_its_part_alone(parts):
    names = [parts.keep(f"text {place}".encode()) for place in range(3)]
    (parts.folder / names[1]).write_bytes(b"text 9")
    assert contents(parts) == [b"text 0", b"text 2"]


def test_parts_of_another_run_are_not_believed(parts, out):
    parts.keep(b"x")
    other = Words(out, MADE_OF | {"prompt": "b"})
    parts.folder.rename(other.folder)
    assert contents(other) == []


def test_garbage_is_passed_over(parts):
    parts.keep(b"x")
    (parts.folder / "half.4711").write_bytes(b"what a killed process was writing")
    (parts.folder / "garbage.part").write_bytes(os.urandom(4000))
    (parts.folder.parent / "f00").mkdir()
    (parts.folder.parent / "f00" / "made_of.json").write_bytes(b"\xff[")
    assert contents(parts) == [b"x"]


def test_discarded_nothing_is_left(parts, out):
    parts.keep(b"x")
    parts.discard()
    assert list(out.parent.iterdir()) == []
    parts.discard()


@pytest.mark.parametrize("call", ["replace", "write"])
def test_a_full_disk_is_one_line_and_what_is_there_stays(parts, monkeypatch, call):
    name = parts.keep(b"x")

    def full(*_args):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(*((os, "replace") if call == "replace" else ("pathlib.Path.write_bytes",)), full)
        with pytest.raises(InputError, match="no space left on the device; make room and start again: the words made"):
            parts.keep(b"y")
    assert dict(parts.whole_parts()) == {name: b"x"}
    assert sorted(path.name for path in parts.folder.iterdir()) == sorted([name, "made_of.json"])


def test_the_card_says_what_it_was_made_of(parts):
    parts.keep(b"x")
    assert json.loads((parts.folder / "made_of.json").read_text()) == MADE_OF
