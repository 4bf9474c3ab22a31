"""`trialign features ls` tells what a bank holds, whatever stands in its header."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from pipeline_lib.commands.main import build_app
from pipeline_lib.common.errors import InputError
from pipeline_lib.features.bank import BankWriter

ATTRIBUTES = {"model": "slip-b16", "captions": '[red]"🦊"[/] <b>, \n', "revision": "sha256:c0ffee"}


@pytest.fixture
def bank(tmp_path):
    path = tmp_path / "bank.h5"
    with BankWriter(path, ["a", "b"], dtype="float16", attributes=ATTRIBUTES) as writer:
        writer.write("raw/final", np.ones((2, 5)))
        writer.write("raw/mean-0.75", np.ones((2, 7)))
    return path


def said(*words):
    return CliRunner().invoke(build_app("features"), ["features", *map(str, words)], catch_exceptions=False).output


def test_a_table_of_datasets_and_attributes(bank):
    lines = said("ls", bank).splitlines()
    assert "2 images" in lines[0]
    assert [line.split() for line in lines if "mean-0.75" in line] == [["raw/mean-0.75", "2", "x", "7", "float16"]]
    assert any('[red]"🦊"[/] <b>' in line for line in lines)
    assert any("sha256:c0ffee" in line for line in lines)


def test_one_json_object(bank):
    assert json.loads(said("ls", bank, "--json")) == {
        "file": str(bank),
        "images": 2,
        "datasets": {
            "raw/final": {"shape": [2, 5], "dtype": "float16"},
            "raw/mean-0.75": {"shape": [2, 7], "dtype": "float16"},
        },
        "attributes": ATTRIBUTES,
    }


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(InputError, match="no such feature file"):
        said("ls", tmp_path / "gone.h5")
    (tmp_path / "text.h5").write_text("no bank")
    with pytest.raises(InputError, match="not a whole feature file"):
        said("ls", tmp_path / "text.h5")
