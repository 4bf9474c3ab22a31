"""From the files of a BIDS run to a :class:`~pipeline_lib.recordings.recording.Run`, for all layouts in BIDS."""

from collections.abc import Callable
from functools import cache, partial

import pandas as pd

from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.recordings.bids_files import SIGNAL_ENDINGS, BidsRun
from pipeline_lib.recordings.bids_tables import channel_table, column_of_numbers, read_sidecar_json, sidecar_rate
from pipeline_lib.recordings.recording import Header, Run, Signal
from pipeline_lib.recordings.signals import UNTYPED_ENDINGS, read_header, read_signal
from pipeline_lib.recordings.stubs import CURE, stub_in

# MNE's type of each type of BIDS; CTF's axial gradiometers measure tesla and are "mag" to MNE.
TYPES = {
    "eeg": {"EEG": "eeg"},
    "meg": {"EEG": "eeg", "MEGMAG": "mag", "MEGGRADAXIAL": "mag", "MEGGRADPLANAR": "grad"},
}
RATE_TOLERANCE = 1e-3


def as_run(
    run: BidsRun,
    events: Callable[[BidsRun], pd.DataFrame],
    dropouts: tuple[tuple[float, float], ...] = (),
    *,
    by_sample: bool = False,
) -> Run:
    """A run whose header, events and signal are read when asked for; `by_sample`: its events may count samples."""
    return Run(
        session=run.session,
        file=run.file,
        header=cache(partial(header_of, run)),
        events=partial(events, run),
        signal=partial(signal_of, run, by_sample=by_sample),
        dropouts=dropouts,
    )


def header_of(run: BidsRun) -> Header:
    """The header of a run's signal or, where its content is not there, what the sidecars say.

    Raises
    ------
    InputError
        If the signal or a sidecar that is needed is damaged.
    """
    if run.signal is None or stub_in(run.signal):
        return header_of_sidecars(run)
    return read_header(run.signal, _types_by_name(run))


def signal_of(run: BidsRun, *, by_sample: bool = False) -> Signal:
    """The samples of a run.

    Raises
    ------
    InputError
        If there is no signal, or its content is not there, or damaged, or (`by_sample`) at another rate than its json
        says.
    """
    if run.signal is None:
        endings = ", ".join(SIGNAL_ENDINGS)
        raise InputError(f"{run.file}: there is no signal of this name, ending in {endings}; {CURE}")
    signal = read_signal(run.signal, _types_by_name(run))
    if by_sample:
        _check_rate(run, signal.sfreq)
    return signal


def onset_samples(table: pd.DataFrame, run: BidsRun) -> pd.Series:
    """Column ``sample`` of a run's events or, where it is missing, ``onset`` in samples; NaN where there is no number.

    Raises
    ------
    InputError
        If neither is there, or the rate that ``onset`` takes is unknown.
    """
    if "sample" in table:
        return column_of_numbers(table, "sample")
    return samples_of_seconds(table, run)


def samples_of_seconds(table: pd.DataFrame, run: BidsRun) -> pd.Series:
    """Column ``onset`` in samples: BIDS counts seconds from the first sample; NaN where there is no number.

    Raises
    ------
    InputError
        If there is no such column, or the sampling rate is unknown.
    """
    if "onset" not in table:
        raise InputError(f"{run.events}: columns are missing: onset; it has: {listed(table.columns, most=20)}")
    sfreq = header_of(run).sfreq
    if sfreq is None:
        raise InputError(
            f"{run.events}: onsets are in seconds and the sampling rate is unknown; get the signal, or write "
            f"SamplingFrequency into {run.base.name}_{run.datatype}.json"
        )
    return (column_of_numbers(table, "onset") * sfreq).round()


def header_of_sidecars(run: BidsRun) -> Header:
    """Channels by channels.tsv and the rate by the json; empty and None where they are missing."""
    table = channel_table(run)
    rate = sidecar_rate(run, table)
    if table is None:
        return Header([], [], rate)
    types = table["type"].map(TYPES[run.datatype])
    if is_untyped(run, table):
        types = types.where(table["type"] != "OTHER", "mag")
    kept = types.notna()
    return Header(table.loc[kept, "name"].tolist(), types[kept].tolist(), rate)


def is_untyped(run: BidsRun, channels: pd.DataFrame) -> bool:
    """Whether channels.tsv calls the sensors of MEG ``OTHER``, as THINGS-MEG's does."""
    n_other = int((channels["type"] == "OTHER").sum())
    sensors = channels["type"].isin([kind for kind in TYPES["meg"] if kind.startswith("MEG")])
    if run.datatype != "meg" or not n_other or sensors.any():
        return False
    return n_other == read_sidecar_json(run).get("MEGChannelCount", n_other)


def _check_rate(run: BidsRun, sfreq: float) -> None:
    """Refuse a signal that someone has resampled: its events still count the samples of the original."""
    rate = sidecar_rate(run, None)
    if rate and abs(rate - sfreq) > RATE_TOLERANCE * rate:
        raise InputError(
            f"{run.file}: has {sfreq:g} Hz, but its {run.datatype}.json says {rate:g}, so that {run.events.name} "
            "counts samples of another recording; get the original again, or correct the json and remove column sample"
        )


def _types_by_name(run: BidsRun) -> dict[str, str] | None:
    """Types by channels.tsv where the signal's format does not tell."""
    if run.signal is None or run.signal.suffix.lower() not in UNTYPED_ENDINGS:
        return None
    table = channel_table(run)
    return None if table is None else dict(zip(table["name"], table["type"], strict=True))
