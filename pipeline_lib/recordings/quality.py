"""The quality of a subject's recording: what was kept, which channels to look at, and how much response there is.

Written as a small JSON file beside the epochs, with one row per channel in a CSV file of the same name, and shown by
``trialign inspect``.
"""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline_lib.common.outputs import written_whole
from pipeline_lib.recordings.responses import ResponseQuality

NOISY = 5.0  # robust deviations above the median
NORMAL_MAD = 1.4826  # standard deviation of a normal distribution by its median absolute deviation
DIGITS = 5


@dataclass(frozen=True)
class Quality:
    """The quality of a subject's recording.

    Attributes
    ----------
    subject : str
        Name of the subject.
    recordings : str
        The folder of its recordings: subjects of other studies have the same names.
    ch_names : list of str
        Of the channels.
    trials : mapping
        Such as ``{"kept": {"train": 66160, "test": 16000}, "dropped": {"incomplete": 1}}``: events that became trials
        by partition, and those that did not by the reason why.
    deviations : ndarray, shape (n_channels,)
        Of each channel over trials and samples, before whitening; in the recording's unit.
    conditions : mapping of int to float
        Session -> condition number of its noise covariance Σ; empty without whitening.
    responses : mapping of str to mapping of str to ResponseQuality
        Such as ``{"whitened": {"train": ..., "test": ...}}``: at which step of preprocessing, then the partition, as
        :func:`~pipeline_lib.recordings.responses.measure_responses` gives it.
    """

    subject: str
    recordings: str
    ch_names: list[str]
    trials: Mapping[str, Mapping[str, int]]
    deviations: np.ndarray
    conditions: Mapping[int, float]
    responses: Mapping[str, Mapping[str, ResponseQuality]]

    @property
    def flat(self) -> list[str]:
        """Channels that never change."""
        return [name for name, deviation in zip(self.ch_names, self.deviations, strict=True) if deviation == 0]

    @property
    def noisy(self) -> list[str]:
        """Channels far above the others: a robust z-score above 5, see :func:`robust_z_scores`."""
        return [name for name, z in zip(self.ch_names, robust_z_scores(self.deviations), strict=True) if z > NOISY]

    def to_json(self) -> dict[str, Any]:
        """Plain values, numbers to five digits, None for what the trials cannot tell."""
        any_step = next(iter(self.responses.values()), {})
        return {
            "subject": self.subject,
            "recordings": self.recordings,
            "trials": {name: dict(counts) for name, counts in self.trials.items()},
            "repeats": {name: {str(n): images for n, images in of.repeats.items()} for name, of in any_step.items()},
            "flat_channels": self.flat,
            "noisy_channels": self.noisy,
            "condition": {str(session): _rounded(value) for session, value in self.conditions.items()},
            "responses": {
                step: {name: _summary(quality) for name, quality in partitions.items()}
                for step, partitions in self.responses.items()
            },
        }

    def channel_rows(self) -> list[dict[str, Any]]:
        """One row per channel, its numbers as in :meth:`to_json`."""
        columns = {
            f"{step}_{partition}_{measure}": values
            for step, partitions in self.responses.items()
            for partition, quality in partitions.items()
            for measure, values in _by_channel(quality).items()
        }
        z_scores, flat, noisy = robust_z_scores(self.deviations), self.flat, self.noisy
        return [
            {
                "channel": name,
                "deviation": _rounded(self.deviations[row]),
                "robust_z": _rounded(z_scores[row]),
                "flat": name in flat,
                "noisy": name in noisy,
                **{column: _rounded(values[row]) for column, values in columns.items()},
            }
            for row, name in enumerate(self.ch_names)
        ]


def robust_z_scores(deviations: np.ndarray) -> np.ndarray:
    """How far each channel's deviation lies from the others', in a way that a few bad channels do not distort.

    With l the logarithm of the deviations, z = (l − median l) / (1.4826 · median |l − median l|), over the channels
    that are not flat. NaN for flat channels, and for all where more than half of the others are exactly alike.

    Parameters
    ----------
    deviations : ndarray, shape (n_channels,)
        Not negative.

    Returns
    -------
    ndarray, shape (n_channels,)
    """
    alive = deviations > 0
    z = np.full(len(deviations), np.nan)
    if alive.any():
        logs = np.log(deviations[alive])
        distances = logs - np.median(logs)
        spread = NORMAL_MAD * np.median(np.abs(distances))
        z[alive] = distances / spread if spread > 0 else np.nan
    return z


def write_quality(path_json: Path, path_csv: Path, quality: Quality) -> None:
    """Write the summary and the table of channels, each whole or not at all, the same bytes for the same trials."""
    with written_whole(path_csv) as unfinished:
        unfinished.write_text(_table(quality.channel_rows()), encoding="utf-8")
    with written_whole(path_json) as unfinished:
        unfinished.write_text(json.dumps(quality.to_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _summary(quality: ResponseQuality) -> dict[str, Any]:
    return {
        "images": quality.n_images,
        "trials": quality.n_trials,
        "evoked_snr": _rounded(quality.evoked_snr),
        "peak_time": _rounded(quality.peak_time),
        "split_half": _rounded(quality.split_half),
        "reliability": _rounded(quality.reliability),
        "noise_ceiling": _rounded(quality.noise_ceiling),
    }


def _by_channel(quality: ResponseQuality) -> dict[str, np.ndarray]:
    return {
        "snr": quality.channel_snr,
        "reliability": quality.channel_reliability,
        "noise_ceiling": quality.channel_ceiling,
    }


def _rounded(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None


def _table(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
