"""Signals through MNE: BrainVision, BDF, EDF, EEGLAB, FIF and CTF; the channels of the brain, in the order of the file.

Whatever MNE raises on a damaged file becomes one line, and its warnings stay here.
"""

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline_lib.common.errors import InputError, bad_value, listed
from pipeline_lib.recordings.bids_files import SIGNAL_ENDINGS
from pipeline_lib.recordings.recording import Header, Signal
from pipeline_lib.recordings.stubs import CURE, stub_in

if TYPE_CHECKING:
    from mne.io import BaseRaw

BRAIN_TYPES = ("eeg", "mag", "grad")
# These formats hardly tell EEG from other channels; FIF and CTF do.
UNTYPED_ENDINGS = (".vhdr", ".bdf", ".edf", ".set")
FORMATS = {
    ".vhdr": "BrainVision",
    ".bdf": "BDF",
    ".edf": "EDF",
    ".set": "EEGLAB",
    ".fif": "FIF",
    ".ds": "CTF",
}
MAX_REASON = 300  # characters of MNE's own words


def read_header(file: Path, bids_types: Mapping[str, str] | None = None) -> Header:
    """What a recording's header says of its channels of EEG and MEG.

    Parameters
    ----------
    file : Path
        ``.vhdr``, ``.bdf``, ``.edf``, ``.set``, ``.fif`` (of several parts the first) or a CTF folder ``.ds``.
    bids_types : mapping of str to str, optional
        Type of each channel by channels.tsv. Where the format does not tell (EEG), channels that are ``EOG``, ``MISC``
        or the like are left out. Defaults to the file's own types.

    Raises
    ------
    InputError
        If the file is missing, a stub, damaged, or has no such channels.
    """
    with mne_on(file):
        raw = open_raw(file)
        return _header(raw, _brain_rows(raw, file, bids_types or {}))


def read_signal(file: Path, bids_types: Mapping[str, str] | None = None) -> Signal:
    """The samples of a recording's channels of EEG (volts) and MEG (tesla), sample 0 being the first in the file.

    Parameters
    ----------
    file, bids_types
        As :func:`read_header`'s.

    Raises
    ------
    InputError
        As :func:`read_header`, and if the file is cut short.
    """
    with mne_on(file):
        raw = open_raw(file)
        rows = _brain_rows(raw, file, bids_types or {})
        header, data = _header(raw, rows), raw.get_data(picks=rows)
    if not data.shape[1]:
        raise InputError(f"{file}: holds no samples; get the file again")
    return Signal(**vars(header), data=data)


@contextmanager
def mne_on(file: Path) -> Iterator[None]:
    """Keep MNE's warnings off the user's terminal; what it raises becomes one line about the file."""
    import mne

    with warnings.catch_warnings(), mne.use_log_level("error"):
        warnings.simplefilter("ignore")
        try:
            yield
        except InputError:
            raise
        except Exception as error:  # on damaged files MNE raises almost anything
            raise _unreadable(file, error) from None


def open_raw(file: Path) -> "BaseRaw":
    """A recording opened by MNE, its samples on the disk; within :func:`mne_on`, which makes errors one line.

    Parameters
    ----------
    file : Path
        As :func:`read_header`'s.

    Raises
    ------
    InputError
        If the file is missing, a stub, of another kind or cut short.
    """
    ending = Path(file).suffix.lower()
    if ending not in SIGNAL_ENDINGS:
        raise bad_value("the ending of a signal's file", ending, SIGNAL_ENDINGS, where=str(file))
    if stub := stub_in(Path(file)):
        raise InputError(f"{file}: {stub}; {CURE}")
    raw = _open_by_mne(str(file), ending)
    if ending in (".bdf", ".edf"):
        _check_length(Path(file), bytes_per_sample=3 if ending == ".bdf" else 2)
    if not 0 < raw.info["sfreq"] < np.inf:
        raise bad_value("the sampling rate", raw.info["sfreq"], "a positive number of Hz", where=str(file))
    return raw


def _open_by_mne(file: str, ending: str) -> "BaseRaw":
    import mne

    readers: dict[str, Any] = {
        ".vhdr": mne.io.read_raw_brainvision,
        ".bdf": mne.io.read_raw_bdf,
        ".edf": mne.io.read_raw_edf,
        ".set": mne.io.read_raw_eeglab,
        ".fif": mne.io.read_raw_fif,
        ".ds": mne.io.read_raw_ctf,
    }
    # Else MNE ends the recording where its system clock drops to zero, and events count samples of the whole file.
    options = {"system_clock": "ignore"} if ending == ".ds" else {}
    return readers[ending](file, preload=False, **options)


def _brain_rows(raw: "BaseRaw", file: Path, bids_types: Mapping[str, str]) -> list[int]:
    types = raw.get_channel_types()
    rows = [row for row, kind in enumerate(types) if kind in BRAIN_TYPES]
    if Path(file).suffix.lower() in UNTYPED_ENDINGS:
        by_name = {name.strip().lower(): kind.upper() for name, kind in bids_types.items()}
        rows = [row for row in rows if by_name.get(raw.ch_names[row].strip().lower(), "EEG") == "EEG"]
    if not rows:
        found = listed(f"{name} ({kind})" for name, kind in zip(raw.ch_names, types, strict=True)) or "none"
        raise InputError(f"{file}: no channels of EEG or MEG; it has: {found}; channels.tsv may type them otherwise")
    return rows


def _header(raw: "BaseRaw", rows: list[int]) -> Header:
    types = raw.get_channel_types()
    return Header([raw.ch_names[row] for row in rows], [types[row] for row in rows], float(raw.info["sfreq"]))


def _check_length(file: Path, *, bytes_per_sample: int) -> None:
    """MNE takes an EDF or BDF file that is cut short for a shorter recording."""
    with file.open("rb") as stream:
        fixed = stream.read(256)
        n_bytes, n_records, n_channels = int(fixed[184:192]), int(fixed[236:244]), int(fixed[252:256])
        stream.seek(256 + 216 * n_channels)
        per_record = sum(int(stream.read(8)) for _ in range(n_channels))
    expected = n_bytes + n_records * per_record * bytes_per_sample  # n_records is -1 if recording ended in a crash
    if (size := file.stat().st_size) < expected:
        raise InputError(f"{file}: cut short, {size} bytes of {expected}; get the file again")


def _unreadable(file: Path, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:MAX_REASON] or type(error).__name__
    if missing := re.search(r"next file (.+?) does not exist", reason):
        return InputError(f"{file}: its next part {missing[1]} is missing; put all parts, not renamed, into one folder")
    kind, reason = FORMATS.get(Path(file).suffix.lower(), "a recording"), f"{type(error).__name__}: {reason}"
    return InputError(f"{file}: cannot be read as {kind} ({reason}); if it is damaged or cut short, get it again")
