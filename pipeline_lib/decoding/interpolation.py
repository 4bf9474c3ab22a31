"""Channels that are missing or useless, interpolated from the others by MNE."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline_lib.common.errors import InputError, did_you_mean, listed
from pipeline_lib.recordings.signals import mne_on

if TYPE_CHECKING:
    import mne

MOST = 0.1  # of the model's channels


def most_interpolated(n_channels: int) -> int:
    """How many of so many channels may be interpolated."""
    return math.floor(MOST * n_channels)


def interpolation_weights(
    wanted: Sequence[str],
    rows: Mapping[str, int],
    kind: str,
    *,
    info: "mne.Info | None",
    montage: str,
    file: Path,
) -> np.ndarray:
    """How a channel is made of the others: MNE's interpolation is linear, so it is applied to unit vectors once.

    EEG: spherical splines (Perrin et al. 1989, in MNE's reading). Positions are those digitised in the recording, where
    it has all of them, or else those of a standard cap by name. MEG: minimum-norm mapping of the field, from positions
    in the recording.

    Parameters
    ----------
    wanted : sequence of str
        Names of the channels to be made.
    rows : mapping of str to int
        The recording's row of each of the model's channels that is there; useless ones are in `wanted` too.
    kind : {"eeg", "meg"}
    info : mne.Info or None
        Of the recording's channels.
    montage : str
        A standard cap of MNE, such as ``standard_1005``.
    file : Path
        For errors.

    Returns
    -------
    ndarray of float64, shape (len(wanted), n_good)
        The good channels are those of `rows` that are not wanted, in their order.

    Raises
    ------
    InputError
        If a position is not known.
    """
    import mne

    good = [name for name in rows if name not in set(wanted)]
    names = [*good, *wanted]
    with mne_on(file):
        own = _own_positions(names, rows, info)
        if own is None and kind == "meg":
            raise InputError(
                f"{file}: where the sensors {listed(wanted)} are is not in the recording, so they cannot be "
                "interpolated; decode a recording that has them"
            )
        described = own if own is not None else _standard_positions(names, montage, file)
        units = np.zeros((len(names), len(good)))
        units[: len(good)] = np.eye(len(good))
        raw = mne.io.RawArray(units, described)
        raw.info["bads"] = list(raw.ch_names[len(good) :])
        return raw.interpolate_bads(reset_bads=False).get_data()[len(good) :]


def _own_positions(names: Sequence[str], rows: Mapping[str, int], info: "mne.Info | None") -> "mne.Info | None":
    """The recording's own description of the channels, None where it does not place all of them."""
    import mne

    if info is None or any(name not in rows for name in names):
        return None
    places = np.array([info["chs"][rows[name]]["loc"][:3] for name in names])
    if not np.isfinite(places).all() or (places == 0).all(axis=1).any():
        return None
    chosen = mne.pick_info(info, [rows[name] for name in names], copy=True)
    chosen["bads"] = []
    return chosen


def _standard_positions(names: Sequence[str], montage: str, file: Path) -> "mne.Info":
    import mne

    try:
        cap = mne.channels.make_standard_montage(montage)
    except ValueError:
        known = mne.channels.get_builtin_montages()
        hint = did_you_mean(montage, known) or f"known: {listed(known, most=30)}"
        raise InputError(f"--montage is {montage!r}, which is no standard cap of MNE; {hint}") from None
    placed = {name.lower() for name in cap.ch_names}
    if unplaced := [name for name in names if name.lower() not in placed]:
        raise InputError(
            f"{file}: the standard cap {montage} does not place {listed(unplaced)}, and the recording does not either; "
            "name another cap with --montage"
        )
    info = mne.create_info(list(names), 1.0, "eeg")
    info.set_montage(cap, match_case=False)
    return info
