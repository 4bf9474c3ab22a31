"""Stubs in place of signals: told from content, whichever part of a signal they replace."""

import os

import pytest

from pipeline_lib.recordings.stubs import signal_files, stub_in
from tests.recordings.bids_study import ANNEX


@pytest.mark.parametrize(
    "text",
    [
        ANNEX,
        "../../../.git/annex/objects/3F/2k/MD5E-s1--d.bdf/MD5E-s1--d.bdf",
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        "see the archive",
    ],
)
@pytest.mark.parametrize("ending", ["bdf", "edf", "fif", "set"])
def test_a_short_text_in_place_of_a_signal_is_a_stub(tmp_path, ending, text):
    file = tmp_path / f"x_eeg.{ending}"
    file.write_text(text)
    assert stub_in(file) == "a text stub in place of the signal"


def test_a_link_to_content_that_is_not_there_is_a_stub(tmp_path):
    file = tmp_path / "x_eeg.bdf"
    os.symlink("../.git/annex/objects/3F/MD5E-s1--d.bdf", file)
    assert stub_in(file) == "a link to content that was not fetched, a stub"


def test_a_ctf_folder_whose_content_is_links_is_a_stub(tmp_path):
    folder = tmp_path / "x_meg.ds"
    folder.mkdir()
    (folder / "x_meg.res4").write_bytes(bytes(2000))
    os.symlink("nowhere", folder / "x_meg.meg4")
    assert stub_in(folder) == "x_meg.meg4 is a link to content that was not fetched, a stub"
    assert [path.name for path in signal_files(folder)] == ["x_meg.res4", "x_meg.meg4"]


def test_eeglab_samples_may_be_a_stub_of_their_own(tmp_path):
    (tmp_path / "x_eeg.set").write_bytes(bytes(range(256)) * 10)
    assert stub_in(tmp_path / "x_eeg.set") == ""
    os.symlink("nowhere", tmp_path / "x_eeg.fdt")
    assert stub_in(tmp_path / "x_eeg.set").startswith("x_eeg.fdt is a link")


def test_content_is_no_stub(tmp_path, real_data):
    (tmp_path / "x_eeg.bdf").write_bytes(b"\xffBIOSEMI" + b" " * 300)
    assert stub_in(tmp_path / "x_eeg.bdf") == ""
    recordings = real_data / "recordings"
    for file in (
        "ctf/testdata_ctf_short_discontinuous.ds",
        "mne_brainvision/test.vhdr",
        "eeglab_sample/eeglab_data.set",
    ):
        assert stub_in(recordings / file) == ""


def test_the_real_stubs_of_things_eeg2_are_known(real_data):
    files = sorted((real_data / "things-eeg2-bids" / "sub-01").glob("ses-*/eeg/*.bdf"))
    assert len(files) == 32
    assert {stub_in(file) for file in files} == {"a text stub in place of the signal"}
