"""A raw file of the layout things-eeg2 of any length that takes no room on the disk: its samples are a hole."""

import pickle
import struct
from pathlib import Path

import numpy as np

N_SMALL = 8


def write_sparse_raw(path: Path, n_channels: int, n_samples: int, codes: dict[int, int]) -> None:
    """Write a bare pickle with `n_channels` - 1 EEG channels of zeros and `codes` (by sample) in the last one."""
    small = np.zeros((n_channels, N_SMALL))
    names = [f"E{i}" for i in range(n_channels - 1)]
    content = {"raw_eeg_data": small, "ch_names": [*names, "stim"], "sfreq": 1000.0}
    pickled = pickle.dumps(content, protocol=3)
    length = struct.pack("<I", small.nbytes)
    shape = b"K" + bytes([n_channels]) + b"K" + bytes([N_SMALL])
    assert pickled.count(shape) == 1
    assert pickled.count(b"B" + length) == 1
    before, after = pickled.split(b"B" + length)
    before = before.replace(shape, shape[:2] + b"J" + struct.pack("<i", n_samples))
    with path.open("wb") as file:
        file.write(before + b"B" + struct.pack("<I", n_channels * n_samples * 8))
        start = file.tell()
        for sample, code in codes.items():
            file.seek(start + ((n_channels - 1) * n_samples + sample) * 8)
            file.write(struct.pack("<d", code))
        file.seek(start + n_channels * n_samples * 8)
        file.write(after[small.nbytes :])
