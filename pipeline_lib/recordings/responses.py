"""How much of single trials is response: what repeats of an image share, and what differs from image to image.

A trial of image i is taken for x = s_i + noise. Repeats of an image tell the noise, and what the means of different
images differ by beyond that noise is signal. All of it is measured per channel and sample, over images. What differs
between sessions passes for signal as well, where different images were shown in them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline_lib.common.progress import progress
from pipeline_lib.recordings.moments import Moments
from pipeline_lib.recordings.trial_rows import TrialRows

BLOCK_BYTES = 1 << 24
LEAST_IMAGES = 3  # two points always lie on a line


@dataclass(frozen=True)
class ResponseQuality:
    """What repeats of images tell about the responses to them. NaN where they cannot tell.

    Attributes
    ----------
    repeats : dict of int to int
        Number of kept trials of an image -> how many images have that many; ascending.
    times : ndarray, shape (n_times,)
        Seconds from onset.
    snr : ndarray, shape (n_channels, n_times)
        Evoked signal-to-noise ratio of a single trial. With n_i trials and mean m_i of image i,

            noise = Σ_i Σ_j (x_ij − m_i)² / Σ_i (n_i − 1),
            signal = max(0, var_i(m_i) − noise · mean_i(1 / n_i)),   snr = signal / noise,

        var with one less than the number of images. All images count for the signal, those with one trial not for the
        noise. NaN if no image has two trials, there is only one image, or the channel is constant there.
    correlation : ndarray, shape (n_channels, n_times)
        Of the mean over an image's odd trials (first, third, ... in order of rows) with the mean over its even ones,
        over the images that have both. NaN with fewer than three such images, or where either is constant.
    """

    repeats: dict[int, int]
    times: np.ndarray
    snr: np.ndarray
    correlation: np.ndarray

    @property
    def n_images(self) -> int:
        """Images with any trial."""
        return sum(self.repeats.values())

    @property
    def n_trials(self) -> int:
        """Kept trials."""
        return sum(count * images for count, images in self.repeats.items())

    @property
    def evoked_snr(self) -> float:
        """Mean of `snr` over channels and samples from onset on."""
        return _mean(self._evoked(self.snr))

    @property
    def channel_snr(self) -> np.ndarray:
        """Mean of `snr` over samples from onset on, shape (n_channels,)."""
        return _mean(self._evoked(self.snr), axis=1)

    @property
    def peak_time(self) -> float:
        """When the mean of `snr` over channels is largest, in seconds; NaN where `snr` is."""
        course = _mean(self.snr, axis=0)
        return float(self.times[np.nanargmax(course)]) if np.isfinite(course).any() else np.nan

    @property
    def split_half(self) -> float:
        """Mean of `correlation` over channels and samples from onset on."""
        return _mean(self._evoked(self.correlation))

    @property
    def reliability(self) -> float:
        """Of the mean over all trials of an image: `split_half` corrected for twice the trials (Spearman–Brown).

        With r = `split_half`, 2 r / (1 + |r|): what two such means, each of all trials, would correlate by. The sign of
        a negative r, which chance alone makes, is kept.
        """
        return float(_corrected(self.split_half))

    @property
    def channel_reliability(self) -> np.ndarray:
        """`reliability` of each channel by itself, shape (n_channels,)."""
        return _corrected(_mean(self._evoked(self.correlation), axis=1))

    @property
    def noise_ceiling(self) -> float:
        """√max(0, `reliability`): the most that a perfect prediction can correlate with the mean over all trials."""
        return float(np.sqrt(np.maximum(self.reliability, 0)))

    @property
    def channel_ceiling(self) -> np.ndarray:
        """`noise_ceiling` of each channel by itself, shape (n_channels,)."""
        return np.sqrt(np.maximum(self.channel_reliability, 0))

    def _evoked(self, values: np.ndarray) -> np.ndarray:
        """From onset on, where no response can be before; all samples if none is after onset."""
        after = self.times >= 0
        return values[:, after] if after.any() else values


def measure_responses(
    epochs: TrialRows, images: np.ndarray, test: np.ndarray, times: np.ndarray
) -> dict[str, ResponseQuality]:
    """Quality of the responses to training and to test images, each by itself.

    Trials are read image by image, about 16 MB at a time (or all trials of one image, if they are more).

    Parameters
    ----------
    epochs : array-like, shape (n_trials, n_channels, n_times)
        All trials of a subject, in order of recording; see :class:`~pipeline_lib.recordings.trial_rows.TrialRows`.
    images : ndarray, shape (n_trials,)
        What was shown: names or numbers.
    test : ndarray of bool, shape (n_trials,)
        Trials of test images.
    times : ndarray, shape (n_times,)
        Seconds from onset.

    Returns
    -------
    dict of str to ResponseQuality
        ``"train"`` and ``"test"``; a partition without trials is absent.
    """
    partitions = {"train": np.flatnonzero(~test), "test": np.flatnonzero(test)}
    return {name: _measured(epochs, images[rows], rows, times) for name, rows in partitions.items() if len(rows)}


def _measured(epochs: TrialRows, images: np.ndarray, rows: np.ndarray, times: np.ndarray) -> ResponseQuality:
    _, image, counts = np.unique(images, return_inverse=True, return_counts=True)
    of_image = np.split(rows[np.argsort(image, kind="stable")], np.cumsum(counts)[:-1])
    repeats, n_images = np.unique(counts, return_counts=True)
    sums = _Sums()
    for count in repeats.tolist():
        same = np.array([of_image[i] for i in np.flatnonzero(counts == count)])
        for block in progress(list(_blocks(same, epochs)), label=f"quality, {count} repeats", unit="block"):
            sums.add(_read(epochs, block))
    return ResponseQuality(
        repeats=dict(zip(repeats.tolist(), n_images.tolist(), strict=True)),
        times=np.asarray(times, dtype=np.float64),
        snr=sums.snr(float(np.mean(1 / counts))),
        correlation=sums.correlation(),
    )


class _Sums:
    """What adds up over images."""

    def __init__(self) -> None:
        self.means, self.odd, self.even, self.both = Moments(), Moments(), Moments(), Moments()
        self.within: np.ndarray | float = 0.0
        self.freedom = 0

    def add(self, trials: np.ndarray) -> None:
        """Add images of equally many trials, shape (n_images, n_repeats, n_channels, n_times); overwrites `trials`."""
        n_images, n_repeats = trials.shape[:2]
        if n_repeats == 1:
            self.means.add(trials[:, 0])
            return
        odd = trials[:, ::2].mean(axis=1, dtype=np.float64)
        even = trials[:, 1::2].mean(axis=1, dtype=np.float64)
        share = (n_repeats + 1) // 2 / n_repeats
        mean = odd * share + even * (1 - share)
        for moments, values in ((self.odd, odd), (self.even, even), (self.both, odd + even), (self.means, mean)):
            moments.add(values)
        trials -= mean[:, None].astype(np.float32)
        self.within = self.within + np.einsum("irct,irct->ct", trials, trials, dtype=np.float64)
        self.freedom += n_images * (n_repeats - 1)

    def snr(self, mean_share: float) -> np.ndarray:
        between = self.means.sample_variance
        noise = self.within / self.freedom if self.freedom else np.full_like(between, np.nan)
        signal = np.maximum(between - noise * mean_share, 0)
        return np.divide(signal, noise, out=np.full_like(between, np.nan), where=noise > 0)

    def correlation(self) -> np.ndarray:
        undefined = np.full_like(self.means.variance, np.nan)
        if self.odd.count < LEAST_IMAGES:
            return undefined
        odd, even = self.odd.variance, self.even.variance
        covariance = (self.both.variance - odd - even) / 2
        scale = np.sqrt(odd) * np.sqrt(even)
        return np.divide(covariance, scale, out=undefined, where=scale > 0)


def _blocks(rows: np.ndarray, epochs: TrialRows) -> Iterator[np.ndarray]:
    """Divide the trials of images, shape (n_images, n_repeats), into blocks of images."""
    size = max(1, BLOCK_BYTES // (4 * rows.shape[1] * int(np.prod(epochs.shape[1:]))))
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _read(epochs: TrialRows, rows: np.ndarray) -> np.ndarray:
    """Trials of numbers of any shape in float32, read in ascending order: from a disk, that is much faster."""
    order = np.argsort(rows, axis=None)
    trials = np.empty((rows.size, *epochs.shape[1:]), dtype=np.float32)
    trials[order] = epochs[rows.ravel()[order]]
    return trials.reshape(*rows.shape, *trials.shape[1:])


def _corrected(correlation: np.ndarray | float) -> np.ndarray | float:
    return 2 * correlation / (1 + np.abs(correlation))


def _mean(values: np.ndarray, axis: int | None = None) -> np.ndarray | float:
    """Mean of what is not NaN; NaN, without a warning, where everything is."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0).sum(axis=axis)
    return np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)[()]
