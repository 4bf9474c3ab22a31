"""A made-up subject of THINGS-EEG2's size, in its authors' files: noise that channels share, and a little response.

What counts is the size and the form, so the signals are simple. They are written channel by channel: nothing needs
more memory than a few channels of one recording.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline_lib.common.stimulus_table import COLUMNS, checked_table, write_stimulus_table
from pipeline_lib.recordings.channels import THINGS_EEG2
from pipeline_lib.recordings.things_eeg2 import TARGET_CODE

SFREQ = 1000.0
SPACING = 200  # samples from one picture to the next
MARGIN = 1500  # samples before the first and after the last
TARGET_SHARE = 0.06
N_SOURCES = 5
MICROVOLT = 1e-6
MARKER = b"here the samples go " * 8192  # so long that pickle leaves it out of its frames


@dataclass(frozen=True)
class Size:
    """How much a subject saw: each training image in two of four sessions, each test image in all.

    Attributes
    ----------
    train_images : int
        Even.
    test_images : int
    """

    train_images: int = 16540
    test_images: int = 200

    @property
    def train_trials(self) -> int:
        """In all four sessions."""
        return self.train_images * TRAIN_REPEATS * 2

    @property
    def test_trials(self) -> int:
        """In all four sessions."""
        return self.test_images * TEST_REPEATS * SESSIONS


SESSIONS, TRAIN_REPEATS, TEST_REPEATS = 4, 2, 20  # repeats are those in a session


def write_subject(folder: Path, size: Size, seed: int = 0) -> None:
    """Write ``ses-01/raw_eeg_training.npy`` and so on below the subject's `folder`."""
    rng = np.random.default_rng(seed)
    amplitudes = {
        "training": rng.standard_normal((size.train_images + 1, N_SOURCES)),
        "test": rng.standard_normal((size.test_images + 1, N_SOURCES)),
    }
    mixing = rng.standard_normal((len(THINGS_EEG2), N_SOURCES))
    half = size.train_images // 2
    for session in range(1, SESSIONS + 1):
        (folder / f"ses-{session:02d}").mkdir(parents=True)
        seen = {
            "training": np.repeat(np.arange(1, half + 1) + half * ((session - 1) % 2), TRAIN_REPEATS),
            "test": np.repeat(np.arange(1, size.test_images + 1), TEST_REPEATS),
        }
        for partition, codes in seen.items():
            path = folder / f"ses-{session:02d}" / f"raw_eeg_{partition}.npy"
            write_recording(path, _with_targets(codes, rng), amplitudes[partition], mixing, rng)


def write_table(path: Path, size: Size) -> None:
    """Write the stimulus table of the images that such subjects see."""
    rows = [
        (f"{split}/{code:05d}", f"{split}/{code:05d}.jpg", f"{split} concept {(code - 1) // per_concept}", split, code)
        for split, n_images, per_concept in (("train", size.train_images, 10), ("test", size.test_images, 1))
        for code in range(1, n_images + 1)
    ]
    write_stimulus_table(checked_table(pd.DataFrame(rows, columns=list(COLUMNS)), where="synthetic study"), path)


def write_recording(
    path: Path, codes: np.ndarray, amplitudes: np.ndarray, mixing: np.ndarray, rng: np.random.Generator
) -> None:
    """Write a raw file in which the pictures `codes` are shown one after the other.

    Parameters
    ----------
    path : Path
    codes : ndarray of int, shape (n_events,)
        Event codes in the order they are shown.
    amplitudes : ndarray, shape (n_images + 1, n_sources)
        Of the response to the image of each code.
    mixing : ndarray, shape (n_channels, n_sources)
    rng : Generator
        For the noise.
    """
    onsets = MARGIN + SPACING * np.arange(len(codes))
    n_samples = int(onsets[-1]) + MARGIN
    content = {
        "raw_eeg_data": _Samples((len(mixing) + 1, n_samples)),
        "ch_names": [*THINGS_EEG2[: len(mixing)], "stim"],
        "ch_types": ["eeg"] * len(mixing) + ["stim"],
        "sfreq": SFREQ,
        "highpass": 0.01,
        "lowpass": 100.0,
    }
    _save_streamed(path, content, _channels(codes, onsets, n_samples, amplitudes, mixing, rng))


class _Samples:
    """Pickled as numpy pickles a float64 array of this shape, its samples replaced by a marker."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape

    def __reduce__(self) -> tuple[Any, ...]:
        function, arguments, _ = np.zeros(1).__reduce__()
        return function, arguments, (1, self.shape, np.dtype(np.float64), False, MARKER)


def _save_streamed(path: Path, content: dict[str, Any], rows: Iterator[np.ndarray]) -> None:
    """``np.save(path, content)``, but for the samples, which come row by row."""
    file = io.BytesIO()
    np.save(file, content, allow_pickle=True)
    before, after = file.getvalue().split(MARKER)
    shape = content["raw_eeg_data"].shape
    n_bytes = 8 * shape[0] * shape[1]
    with path.open("wb") as out:
        out.write(before.removesuffix(b"B" + len(MARKER).to_bytes(4, "little")))
        out.write(b"\x8e" + n_bytes.to_bytes(8, "little"))  # pickle's instruction for bytes of any length
        for row in rows:
            out.write(np.ascontiguousarray(row, dtype=np.float64))
        out.write(after)


def _with_targets(codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """In random order, target trials among them."""
    targets = np.full(round(TARGET_SHARE * len(codes)), TARGET_CODE)
    return rng.permutation(np.concatenate([codes, targets]))


def _channels(
    codes: np.ndarray,
    onsets: np.ndarray,
    n_samples: int,
    amplitudes: np.ndarray,
    mixing: np.ndarray,
    rng: np.random.Generator,
) -> Iterator[np.ndarray]:
    """Each channel's samples in volts, then the trigger channel's."""
    shown = amplitudes[np.where(codes == TARGET_CODE, 0, codes)]
    sources = [_source(onsets, strength, n_samples, rng) for strength in shown.T]
    for weights in mixing:
        channel = 10 * rng.standard_normal(n_samples)
        for weight, source in zip(weights, sources, strict=True):
            channel += weight * source
        channel *= MICROVOLT
        yield channel
    stim = np.zeros(n_samples)
    stim[onsets] = codes
    yield stim


def _source(onsets: np.ndarray, strength: np.ndarray, n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """In microvolts: slow noise, and a wave of half a second after each onset, of the strength given."""
    from scipy.ndimage import uniform_filter1d
    from scipy.signal import oaconvolve

    noise = uniform_filter1d(rng.standard_normal(n_samples, dtype=np.float32), 20) * 20
    pulses = np.zeros(n_samples, dtype=np.float32)
    pulses[onsets] = strength
    seconds = np.arange(500, dtype=np.float32) / SFREQ
    wave = np.sin(2 * np.pi * 4 * seconds) * np.sin(np.pi * seconds / 0.5) ** 2
    return noise + 3 * oaconvolve(pulses, wave)[:n_samples]
