"""What the program `trialign` promises."""

import importlib
import inspect
import subprocess
import sys

import numpy as np
import pytest

from pipeline_lib.commands.main import COMMANDS, build_app


def trialign(*words):
    program = "import sys; from pipeline_lib.commands.main import main; sys.argv[0] = 'trialign'; main()"
    return subprocess.run([sys.executable, "-c", program, *map(str, words)], capture_output=True, text=True, timeout=60)


def test_bad_input_is_one_line_and_exit_code_2(tmp_path):
    result = trialign("score", tmp_path / "x.npy", tmp_path / "y.npy")
    assert result.returncode == 2
    assert result.stderr == f"trialign: {tmp_path / 'x.npy'}: no such file\n"
    assert result.stdout == ""


def test_good_input_is_exit_code_0(tmp_path):
    np.save(tmp_path / "x.npy", np.eye(4))
    result = trialign("score", tmp_path / "x.npy", tmp_path / "x.npy", "--json")
    assert (result.returncode, result.stderr) == (0, "")


def test_a_misspelt_command():
    result = trialign("scor")
    assert result.returncode == 2
    assert "Did you mean 'score'" in result.stderr


def test_help_names_every_command_and_loads_none_of_their_libraries():
    program = (
        "import sys; from pipeline_lib.commands.main import main; sys.argv = ['trialign', '--help']\n"
        "try: main()\n"
        "finally: print(sorted({'torch', 'mne', 'cv2', 'transformers', 'numpy', 'pandas'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0
    assert result.stdout.rstrip().endswith("[]")
    assert all(name in result.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_a_function_of_its_name(name):
    identifier = name.replace("-", "_")
    command = getattr(importlib.import_module(f"pipeline_lib.commands.{identifier}"), identifier)
    assert inspect.signature(command).return_annotation in (None, "None")
    assert inspect.getdoc(command)
    build_app(name)


def test_options_before_the_command_are_none_of_it():
    result = trialign("--version")
    assert result.returncode == 2
    assert "No such option" in result.stderr
