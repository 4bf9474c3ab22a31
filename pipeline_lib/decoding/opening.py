"""From the name of a file to the kind of recording it is."""

from pathlib import Path

from pipeline_lib.common.errors import InputError
from pipeline_lib.decoding.cut_files import ENDINGS, open_epochs
from pipeline_lib.decoding.opened import Opened
from pipeline_lib.decoding.raw_files import open_array, open_raw_file


def open_recording(file: Path, *, stim_channel: str | None = None, image_column: str | None = None) -> Opened:
    """Open a recording by its header.

    Parameters
    ----------
    file : Path
        ``raw_eeg_*.npy`` of THINGS-EEG2, ``*-epo.fif``, or what ``mne.io.read_raw`` knows.
    stim_channel, image_column : str or None
        As :func:`~.raw_files.open_raw_file` and :func:`~.cut_files.open_epochs` have them.

    Raises
    ------
    InputError
        If it is missing, damaged, or nothing of this kind.
    """
    if not file.exists() and not file.is_symlink():
        raise InputError(f"{file}: no such recording; give a file, or the folder of a recording of CTF")
    if file.suffix.lower() == ".npy":
        return open_array(file)
    if file.name.lower().endswith(ENDINGS):
        return open_epochs(file, image_column=image_column)
    return open_raw_file(file, stim_channel=stim_channel)
