"""Notices are for people: scripts that read the output do not meet them."""

from pipeline_lib.common.notices import notice


def test_it_stands_on_the_standard_error_stream_in_one_line(capsys):
    notice("going on")
    assert tuple(capsys.readouterr()) == ("", "trialign: going on\n")
