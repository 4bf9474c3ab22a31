"""Dipoles made by hand."""

import numpy as np

from pipeline_lib.phantom.sources import Dipoles


def dipoles_at(positions, orientations=None, strength=1.0):
    """Dipoles at `positions`, in units of the head's radius; they point outwards where no direction is given."""
    positions = np.array(positions, dtype=float)
    orientations = positions if orientations is None else np.array(orientations, dtype=float)
    unit = orientations / np.linalg.norm(orientations, axis=1, keepdims=True)
    number = len(positions)
    return Dipoles(positions, unit, np.full(number, strength), np.zeros(number), np.zeros(number))
