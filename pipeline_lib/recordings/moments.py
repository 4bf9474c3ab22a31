"""Mean and variance of values too many to be held at once."""

import numpy as np


class Moments:
    """Mean and variance of rows that come in batches, in float64.

    Batches are merged by their means and sums of squared deviations, so that nothing cancels: with n rows, mean m and
    squared deviations q so far, and n', m', q' in a batch,

        m ← m + (m' − m) n' / (n + n'),   q ← q + q' + (m' − m)² n n' / (n + n').

    Attributes
    ----------
    count : int
        Rows so far.
    mean : ndarray of float64, shape (...)
        Zero before the first row.
    """

    def __init__(self) -> None:
        self.count = 0
        self._first = np.zeros(())
        self._mean = np.zeros(())
        self._squares = np.zeros(())

    def add(self, rows: np.ndarray) -> None:
        """Add a batch, shape (n_rows, ...)."""
        if not len(rows):
            return
        if not self.count:
            self._first = rows[0].astype(np.float64)
        rows = rows - self._first  # what never changes is zero from here on, to the last bit
        mean = rows.mean(axis=0)
        rows -= mean
        total = self.count + len(rows)
        difference = mean - self._mean
        self._squares = self._squares + np.einsum("i...,i...->...", rows, rows)
        self._squares += difference**2 * (self.count * len(rows) / total)
        self._mean = self._mean + difference * (len(rows) / total)
        self.count = total

    @property
    def mean(self) -> np.ndarray:
        return self._first + self._mean

    @property
    def variance(self) -> np.ndarray:
        """Mean squared deviation; zero before the second row."""
        return self._squares / max(self.count, 1)

    @property
    def sample_variance(self) -> np.ndarray:
        """Squared deviations by one less than there are rows: unbiased. NaN before the second row."""
        return self._squares / (self.count - 1) if self.count > 1 else np.full_like(self._squares, np.nan)


def of_channels(over_trials: Moments) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel over trials and samples.

    Parameters
    ----------
    over_trials : Moments
        Of epochs, shape (n_channels, n_times).

    Returns
    -------
    mean, deviation : ndarray of float64, shape (n_channels,)
        The deviation of a channel that never changes is zero to the last bit.
    """
    over_times = Moments()
    over_times.add(over_trials.mean.T)
    return over_times.mean, np.sqrt(over_trials.variance.mean(axis=1) + over_times.variance)
