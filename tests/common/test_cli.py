"""Bad input ends a stage with one line and exit code 2; a defect keeps its traceback."""

import pytest

from pipeline_lib.common.cli import guarded
from pipeline_lib.common.errors import InputError


def test_input_errors_are_one_line_and_exit_code_2(capsys):
    def call():
        raise InputError("what, where and the cure")

    with pytest.raises(SystemExit) as caught:
        guarded(call)
    assert caught.value.code == 2
    assert capsys.readouterr().err == "trialign: what, where and the cure\n"


def test_defects_are_not_hidden():
    with pytest.raises(ZeroDivisionError):
        guarded(lambda: 1 / 0)
