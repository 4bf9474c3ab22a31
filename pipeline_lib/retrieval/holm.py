"""Several tests at once: p-values corrected so that one false finding among all of them is as rare as in one test.

Holm's step-down: with p_(1) <= ... <= p_(m), the corrected p_(j) is max over i <= j of (m - i + 1) p_(i), at most 1.
It holds whatever the tests have to do with each other. Source: S. Holm, Scand. J. Statist. 6 (1979).
"""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Corrected p-values, shape (n_tests,), in the order of `p_values`."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected
