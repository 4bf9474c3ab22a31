"""Finished captions survive a kill; nothing that is not whole is believed."""

import errno
import json
import os

import pytest

from pipeline_lib.captioning.scratch import KeptCaption, Scratch
from pipeline_lib.common.errors import InputError
from tests.captioning.test_table import AWKWARD

MADE_OF = {"model": ["blip2", "sha256:1"], "prompt": "a", "decoding": {"max_new_tokens": 3}}


def captions(texts, start=0):
    return [KeptCaption(f"train/{place + start}", "0" * 64, text, text, place) for place, text in enumerate(texts)]


@pytest.fixture
def out(tmp_path):
    return tmp_path / "captions.csv"


def test_what_was_appended_comes_back(out):
    with Scratch(out, MADE_OF) as scratch:
        scratch.append(captions(AWKWARD))
        scratch.append(captions(["last"], start=99))
    with Scratch(out, MADE_OF, rank=1) as scratch:
        scratch.append(captions(["another process"], start=199))
    assert Scratch(out, MADE_OF).load() == [
        *captions(AWKWARD),
        *captions(["last"], start=99),
        *captions(["another process"], start=199),
    ]


def test_it_lies_beside_the_table_under_a_name_that_git_and_dvc_ignore(out, project_root):
    with Scratch(out, MADE_OF) as scratch:
        scratch.append(captions(["x"]))
    assert [path.name for path in out.parent.iterdir()] == [".captions.csv.unfinished.caption"]
    for file in (".gitignore", ".dvcignore"):
        assert "*.unfinished.*" in (project_root / file).read_text().splitlines()


@pytest.mark.parametrize("part", MADE_OF)
def test_what_is_made_of_something_else_is_left_alone_and_told(out, capsys, part):
    with Scratch(out, MADE_OF) as scratch:
        scratch.append(captions(["x"]))
    other = Scratch(out, MADE_OF | {part: "changed"})
    assert other.load() == []
    assert f"unfinished captions of another {part}; ignored" in capsys.readouterr().err
    with other:
        other.append(captions(["y"]))
    other.discard()
    assert Scratch(out, MADE_OF).load() == captions(["x"])


def test_cut_off_anywhere_whole_batches_remain(out):
    with Scratch(out, MADE_OF) as scratch:
        for place in range(3):
            scratch.append(captions([f"text {place}"], start=place))
    (file,) = scratch.folder.glob("*.lines")
    whole = file.read_bytes()
    ends = [place for place, byte in enumerate(whole) if byte == ord("\n")]
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        assert len(Scratch(out, MADE_OF).load()) == sum(end <= length for end in ends)


def test_a_changed_byte_loses_its_batch_alone(out, capsys):
    with Scratch(out, MADE_OF) as scratch:
        for place in range(3):
            scratch.append(captions([f"text {place}"], start=place))
    (file,) = scratch.folder.glob("*.lines")
    file.write_bytes(file.read_bytes().replace(b"text 1", b"text 2"))
    assert [caption.text for caption in Scratch(out, MADE_OF).load()] == ["text 0", "text 2"]
    assert "1 damaged parts are dropped" in capsys.readouterr().err


def test_lines_of_another_run_are_not_believed(out):
    with Scratch(out, MADE_OF) as scratch:
        scratch.append(captions(["x"]))
    other = Scratch(out, MADE_OF | {"prompt": "b"})
    scratch.folder.rename(other.folder)
    assert other.load() == []


def test_going_on_never_writes_behind_a_line_that_broke_off(out):
    with Scratch(out, MADE_OF) as scratch:
        scratch.append(captions(["x"]))
    (file,) = scratch.folder.glob("*.lines")
    file.write_bytes(file.read_bytes()[:-9])
    with Scratch(out, MADE_OF) as again:
        again.append(captions(["y"]))
    assert [caption.text for caption in again.load()] == ["y"]


def test_garbage_is_dropped(out):
    with Scratch(out, MADE_OF) as scratch:
        scratch.append(captions(["x"]))
    (scratch.folder / "9999-0000.lines").write_bytes(os.urandom(4000) + b"\n\n" + b"[]\n")
    (scratch.folder.parent / "f00").mkdir()
    (scratch.folder.parent / "f00" / "made_of.json").write_bytes(b"\xff[")
    assert scratch.load() == captions(["x"])


def test_discarded_nothing_is_left(out):
    with Scratch(out, MADE_OF) as scratch:
        scratch.append(captions(["x"]))
    scratch.discard()
    assert list(out.parent.iterdir()) == []
    Scratch(out, MADE_OF).discard()


def test_a_full_disk_is_one_line_and_what_is_there_stays(out, monkeypatch):
    scratch = Scratch(out, MADE_OF)
    scratch.append(captions(["x"]))

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(InputError, match="no space left on the device; make room and start again: the captions"):
            scratch.append(captions(["y"], start=1))
    scratch.close()
    assert captions(["x"])[0] in Scratch(out, MADE_OF).load()


def test_the_card_says_what_it_was_made_of(out):
    with Scratch(out, MADE_OF) as scratch:
        scratch.append(captions(["x"]))
    assert json.loads((scratch.folder / "made_of.json").read_text()) == MADE_OF
