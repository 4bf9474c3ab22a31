"""What is wrong with the files of a BIDS subject, one line for each kind of defect however many files have it."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pandas as pd

from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.recordings.bids_files import BidsRun, data_folders, sidecar
from pipeline_lib.recordings.bids_runs import is_untyped
from pipeline_lib.recordings.bids_tables import channel_table, has_bom, read_sidecar_json, read_tsv, repeated_rows
from pipeline_lib.recordings.recording import PARTITIONS, Defect
from pipeline_lib.recordings.stubs import stub_in

SIDECARS = {"eeg": (("channels", ".tsv"), ("eeg", ".json")), "meg": (("channels", ".tsv"), ("meg", ".json"))}
COORDINATES = ("coordsystem", ".json")
GET = "get the signals before preprocessing: trialign fetch, datalad get or git annex get"
SIDECAR_ACTIONS = {
    "channels": "types and names of channels are taken from the signal",
    "coordsystem": "not needed",
}


def bids_defects(
    subject: Path, runs: Iterable[BidsRun], splits: Callable[[pd.DataFrame, BidsRun], pd.Series]
) -> list[Defect]:
    """What is wrong with a subject's files, from their names, tables and json files.

    Parameters
    ----------
    subject : Path
        The subject's folder.
    runs : iterable of BidsRun
        Those that are read.
    splits : callable
        The split of each row of a run's events.tsv, whose columns it may expect to be there.
    """
    runs = list(runs)
    found = (
        *_stray_files(subject),
        *_signals(runs),
        *_sidecars(runs),
        *_marks(runs),
        *_channels(runs),
        *_events(runs, splits),
    )
    return [defect for defect in found if defect]


def unused_signals(runs: Iterable[BidsRun]) -> list[Defect]:
    """Signals without a table of events."""
    without = [run.file for run in runs if run.events is None]
    defect = _one(without, "signal without an events.tsv", "not used")
    return [defect] if defect else []


def _one(files: list[Path], what: str, action: str) -> Defect | None:
    """One defect that all of the files have."""
    many = f" (the first of {len(files)} files)" if len(files) > 1 else ""
    return Defect(files[0], what + many, action) if files else None


def _stray_files(subject: Path) -> Iterator[Defect | None]:
    folders = [folder for _, folder in data_folders(subject)]
    places = [subject, *dict.fromkeys(folder.parent for folder in folders if folder.parent != subject), *folders]
    doubles = [place / name for place in places for name in sorted(os.listdir(place)) if name.startswith("._")]
    yield _one(doubles, "AppleDouble file, which macOS writes beside the real one", "ignored")
    recordings = [path for folder in folders for path in sorted(folder.glob("[!.]*.ds")) if path.is_dir()]
    nested = [path for recording in recordings for path in sorted(recording.glob("*.ds"))]
    yield _one(nested, "nested .ds, a copy of the recording inside its own folder", "ignored")


def _signals(runs: list[BidsRun]) -> Iterator[Defect | None]:
    missing = [run.file for run in runs if run.signal is None]
    yield _one(missing, "no signal, not even a stub of it", GET)
    stubs = {run.signal: stub for run in runs if run.signal and (stub := stub_in(run.signal))}
    for kind in dict.fromkeys(_without_name(stub) for stub in stubs.values()):
        files = [file for file, stub in stubs.items() if _without_name(stub) == kind]
        yield _one(files, stubs[files[0]], GET)


def _without_name(stub: str) -> str:
    return stub.rpartition(" is ")[2]


def _sidecars(runs: list[BidsRun]) -> Iterator[Defect | None]:
    for datatype, kinds in SIDECARS.items():
        of_type = [run for run in runs if run.datatype == datatype]
        for suffix, ending in (*kinds, *([COORDINATES] if datatype == "meg" else ())):
            without = [run for run in of_type if sidecar(run, suffix, ending) is None]
            files = [run.base.with_name(f"{run.base.name}_{suffix}{ending}") for run in without]
            action = SIDECAR_ACTIONS.get(suffix, "the sampling rate is taken from the signal")
            yield _one(files, f"missing sidecar {suffix}{ending}", action)


def _marks(runs: list[BidsRun]) -> Iterator[Defect | None]:
    tables = dict.fromkeys(file for run in runs for file in (run.events, sidecar(run, "channels", ".tsv")) if file)
    yield _one([file for file in tables if has_bom(file)], "starts with a UTF-8 byte order mark (BOM)", "read past")


def _channels(runs: list[BidsRun]) -> Iterator[Defect | None]:
    untyped: dict[Path, int] = {}
    marked: dict[Path, list[str]] = {}
    for run in runs:
        try:
            table, _ = channel_table(run), read_sidecar_json(run)
        except InputError as error:
            yield Defect(run.base.parent, str(error), "the run is refused until it is corrected")
            continue
        if table is None:
            continue
        file = sidecar(run, "channels", ".tsv") or run.base
        if is_untyped(run, table):
            untyped[file] = int((table["type"] == "OTHER").sum())
        if "status" in table and (bad := table.loc[table["status"].str.lower() == "bad", "name"].tolist()):
            marked[file] = bad
    yield _one(
        list(untyped),
        f"the {next(iter(untyped.values()), 0)} sensors of MEG are typed OTHER",
        "types are taken from the signal",
    )
    names = listed(dict.fromkeys(name for bad in marked.values() for name in bad), most=20)
    yield _one(list(marked), f"channels are marked bad: {names}", "kept; name them in preprocess.exclude")


def _events(runs: list[BidsRun], splits: Callable[[pd.DataFrame, BidsRun], pd.Series]) -> Iterator[Defect | None]:
    repeated: dict[Path, int] = {}
    for run in runs:
        try:
            table = read_tsv(run.events)
            shown = splits(table, run).isin(PARTITIONS)
        except (InputError, KeyError):  # whoever reads the events is told
            continue
        if count := repeated_rows(table, shown):
            repeated[run.events] = count
    again = f"{sum(repeated.values())} trials are written again, equal in every column"
    yield _one(list(repeated), again, "counted once")
