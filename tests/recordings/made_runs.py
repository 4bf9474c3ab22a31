"""Runs without files, for what happens after reading."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline_lib.recordings.recording import CutRun, Header, Run, Signal


def events_frame(*rows: tuple[int, int, str]) -> pd.DataFrame:
    """Events given as (onset, code, split)."""
    onsets, codes, splits = zip(*rows, strict=True) if rows else ((), (), ())
    return pd.DataFrame({"onset": np.array(onsets, int), "image": np.array(codes, int), "split": np.array(splits, str)})


def made_run(events: pd.DataFrame, data: np.ndarray, *, session: int = 1, sfreq: float = 1000.0, **more: object) -> Run:
    """A continuous recording of channels A, B ... that lies nowhere."""
    header = Header(list("ABCDEFG"[: len(data)]), ["eeg"] * len(data), sfreq)
    return Run(
        session=session,
        file=Path(f"ses-{session}.npy"),
        header=lambda: header,
        events=lambda: events,
        signal=lambda: Signal(header.ch_names, header.ch_types, sfreq, data),
        **more,
    )


def made_cut_run(events: pd.DataFrame, trials: np.ndarray, *, sfreq: float | None, tmin: float) -> CutRun:
    """Cut trials of channels A, B ... that lie nowhere."""
    header = Header(list("ABCDEFG"[: trials.shape[1]]), ["eeg"] * trials.shape[1], sfreq)
    return CutRun(1, Path("trials.npy"), lambda: header, lambda: events, lambda rows: trials[rows], tmin)
