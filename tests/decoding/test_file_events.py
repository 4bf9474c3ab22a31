"""Events out of trigger channels and annotations, counted from the first sample of the file."""

from pathlib import Path

import mne
import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.decoding.file_events import events_of_raw

FILE = Path("new_raw.fif")


def recording(first=0, **stims):
    """One EEG channel and trigger channels with codes at samples."""
    names = ["Cz", *stims]
    data = np.zeros((len(names), 100))
    for row, codes in enumerate(stims.values(), 1):
        for sample, code in codes.items():
            data[row, sample : sample + 3] = code
    info = mne.create_info(names, 100.0, ["eeg", *["stim"] * len(stims)])
    return mne.io.RawArray(data, info, first_samp=first, verbose="error")


def events(raw, stim=None, file=FILE):
    found = events_of_raw(raw, file, stim)
    return list(zip(found["onset"].tolist(), found["word"].tolist(), strict=True))


@pytest.mark.parametrize("first", [0, 5000])
def test_codes_wherever_the_recording_started(first):
    assert events(recording(first, STI={10: 5, 30: 7})) == [(10, 5), (30, 7)]


def test_the_usual_channel_goes_before_the_others():
    assert events(recording(STI001={1: 5}, STI014={10: 5}, STI101={20: 6})) == [(20, 6)]


def test_a_channel_by_name():
    raw = recording(A={1: 5}, B={10: 6})
    assert events(raw, "B") == [(10, 6)]
    with pytest.raises(InputError, match="several trigger channels: A, B; choose by --stim-channel"):
        events(raw)
    with pytest.raises(InputError, match="--stim-channel is 'C', allowed: A, B"):
        events(raw, "C")


def test_the_upper_bits_of_biosemi_are_no_event():
    raw = recording(Status={0: 65536 * 3, 10: 65536 * 3 + 7})
    assert events(raw, file=Path("new.bdf")) == [(10, 7)]


@pytest.mark.parametrize("first", [0, 5000])
def test_annotations_where_no_trigger_tells(first):
    raw = recording(first, STI={})
    marks = [
        (0.1, "Stimulus/S  1"),
        (0.0, "New Segment/"),
        (0.3, "Stimulus/S 12"),
        (0.5, "BAD_blink"),
        (0.6, "Response/R 1"),
    ]
    onsets, words = zip(*marks, strict=True)
    raw.set_annotations(mne.Annotations(onsets, 0.0, words))
    assert events(raw) == [(10, 1), (30, 12)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["7", "S 8"], [7, 8]),
        (["7", "cat"], ["7", "cat"]),
        (["Stimulus/S  7", "Event/254 12"], [7]),
        (["Stimulus/cat", "Stimulus/dog"], ["Stimulus/cat", "Stimulus/dog"]),
    ],
)
def test_annotations_are_codes_or_words(words, expected):
    raw = recording()
    raw.set_annotations(mne.Annotations([0.1, 0.2], 0.0, words))
    assert [word for _, word in events(raw)] == expected


def test_annotations_that_are_words():
    raw = recording()
    raw.set_annotations(mne.Annotations([0.3, 0.1], 0.0, ["7", "cat_01.jpg"]))
    assert events(raw) == [(10, "cat_01.jpg"), (30, "7")]


def test_no_events():
    with pytest.raises(InputError, match=r"new_raw.fif: no events, .*; give them with --events"):
        events(recording(STI={}))
