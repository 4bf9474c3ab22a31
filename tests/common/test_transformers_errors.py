"""Whatever transformers raises is one line that names the folder."""

from pathlib import Path

import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.transformers_errors import first_line, one_line_errors

FOLDER = Path("models/blip2")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError("\n\n no such file \nsecond line"), "transformers cannot load this model: no such file"),
        (KeyError(), "transformers cannot load this model: KeyError"),
        (MemoryError(), "the model does not fit into memory; buy more"),
        (RuntimeError("CUDA out of memory. Tried"), "the model does not fit into memory; buy more"),
    ],
)
def test_errors_are_one_line(error, line):
    with pytest.raises(InputError) as caught, one_line_errors(FOLDER, memory_cure="buy more"):
        raise error
    assert str(caught.value) == f"{FOLDER}: {line}"


def test_our_own_errors_pass_as_they_are():
    own = InputError("models/blip2: of another kind")
    with pytest.raises(InputError) as caught, one_line_errors(FOLDER, memory_cure="buy more"):
        raise own
    assert caught.value is own


def test_a_long_line_is_cut():
    assert len(first_line(ValueError("x" * 1000))) == 300
