"""Finished captions come back as they were, whoever made them; the rest is tests/common/test_unfinished.py."""

import pytest

from pipeline_lib.captioning.scratch import KeptCaption, Scratch
from tests.captioning.test_table import AWKWARD

MADE_OF = {"model": ["blip2", "sha256:1"], "prompt": "a", "decoding": {"max_new_tokens": 3}}


def captions(texts, start=0):
    return [KeptCaption(f"train/{place + start}", "0" * 64, text, text, place) for place, text in enumerate(texts)]


@pytest.fixture
def out(tmp_path):
    return tmp_path / "captions.csv"


def test_what_was_appended_comes_back(out):
    scratch, other = Scratch(out, MADE_OF), Scratch(out, MADE_OF)  # of two processes
    scratch.append(captions(AWKWARD))
    other.append(captions(["another process"], start=199))
    scratch.append(captions(["last"], start=99))
    expected = [*captions(AWKWARD), *captions(["another process"], start=199), *captions(["last"], start=99)]
    assert sorted(Scratch(out, MADE_OF).load(), key=repr) == sorted(expected, key=repr)


def test_a_batch_that_broke_off_is_lost_alone(out, capsys):
    scratch = Scratch(out, MADE_OF)
    for place in range(3):
        scratch.append(captions([f"text {place}", "more"], start=10 * place))
    part = next(path for path in scratch.folder.glob("*.part") if b"text 1" in path.read_bytes())
    part.write_bytes(part.read_bytes()[:-1])
    assert {caption.text for caption in scratch.load()} == {"text 0", "text 2", "more"}
    assert "1 damaged parts are dropped, their captions are made again" in capsys.readouterr().err


def test_discarded_nothing_is_left(out):
    scratch = Scratch(out, MADE_OF)
    scratch.append(captions(["x"]))
    scratch.discard()
    assert list(out.parent.iterdir()) == []
