"""The names of THINGS-MEG's pictures by the tables of trials that OpenNeuro has beside the recordings.

``sourcedata/sample_attributes_P1.csv`` has a row for each trial of sub-BIGMEG1: session, run and what was shown. Rows
belong to events by their order in a run. That is proved before a name is taken: every row must have the trial type and
the THINGS numbers of its event, and an event code must be the same picture wherever it is shown.

The real files were not at hand: columns and values are those that public code reads from them. There ``category_nr``
counts the categories of the experiment, which need not be THINGS' numbers, so it counts only where neither
``things_image_nr`` nor ``things_category_nr`` is there.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from pipeline_lib.common.errors import InputError, bad_value, listed
from pipeline_lib.recordings.bids_files import BidsRun
from pipeline_lib.recordings.recording import PARTITIONS
from pipeline_lib.recordings.stubs import CURE as GET_CONTENT
from pipeline_lib.recordings.stubs import stub_in
from pipeline_lib.recordings.things_meg_bids import SPLITS
from pipeline_lib.stimuli.image_tables import as_posix, read_csv, whole_numbers

FILE_NAME = re.compile(r"sample_attributes_P(\d+)\.csv")
COLUMNS = ("image_path", "trial_type", "session_nr", "run_nr")
# Which number of a row must equal which column of the events: THINGS' own, else the experiment's.
THINGS_NUMBERS = {"things_image_nr": "image", "things_category_nr": "concept"}
OWN_NUMBERS = {"category_nr": "concept"}
TRIAL_TYPES = {split: kind for kind, split in SPLITS.items()}
THINGS_NAME = re.compile(r"(.+)_\d+[A-Za-z]*")  # aardvark_01b
INSTEAD = "no name is taken from it; put a csv with Event_ID, Category_Prefix and Image there instead"

RunEvents = tuple[BidsRun, pd.DataFrame]


def attribute_files(folders: Iterable[Path]) -> dict[int, Path]:
    """The tables of trials in some folders, by the number of the participant.

    Raises
    ------
    InputError
        If a participant has two.
    """
    files: dict[int, Path] = {}
    for file in (file for folder in folders for file in sorted(folder.glob("sample_attributes_P*.csv"))):
        if named := FILE_NAME.fullmatch(file.name):
            if (number := int(named[1])) in files:
                raise InputError(f"{file}: {files[number]} is of the same participant; keep one")
            files[number] = file
    return files


def picture_paths(files: Mapping[int, Path], events: Sequence[RunEvents]) -> pd.Series:
    """What each event code that was shown stands for.

    Parameters
    ----------
    files : mapping of int to Path
        Of :func:`attribute_files`; other columns than those needed, and rows of runs that `events` lacks, are ignored.
    events : sequence of (BidsRun, DataFrame)
        The runs on disk with their events, from :func:`~pipeline_lib.recordings.things_meg_bids.read_events`. Subjects
        without a table of trials are served by those of the others.

    Returns
    -------
    Series of str
        ``image_path`` with ``/`` between folders, by event code, sorted.

    Raises
    ------
    InputError
        If a table cannot be read, contradicts the events, itself or another, or an event code is named by none.
    """
    tables = {number: _read(file) for number, file in files.items()}
    shown = [
        _matched(files[number], tables[number], run, frame)
        for run, frame in events
        if (number := _participant(run)) in tables
    ]
    named = pd.concat(shown) if shown else pd.DataFrame({"code": [], "path": []})
    for key, other in (("path", "code"), ("code", "path")):
        _check_one(named, key, other)
    paths = named.drop_duplicates("code").set_index("code")["path"].sort_index()
    for run, frame in events:
        _check_named(run, frame, paths)
    return paths


def concept_folder(path: str) -> str:
    """THINGS' folder of a picture by its file's name (``images_test_meg/aardvark_13s.jpg``: aardvark), or nothing."""
    named = THINGS_NAME.fullmatch(PurePosixPath(path).stem)
    return named[1] if named else ""


@dataclass(frozen=True)
class _Pairs:
    """The rows of a run and its trials, one by one; both have the index 0, 1, ..."""

    file: Path
    rows: pd.DataFrame
    run: BidsRun
    trials: pd.DataFrame

    @property
    def shown(self) -> pd.Series:
        """Which are pictures, no catch trials."""
        return self.trials["split"].isin(PARTITIONS)

    def place(self, at: int) -> str:
        return f"{self.file}, row {self.rows['row'][at]}"

    def trial(self, at: int) -> str:
        return f"trial {at + 1} of {self.run.events}"

    def check_equal(self, column: str, theirs: pd.Series, ours: pd.Series, where: pd.Series) -> None:
        if (wrong := where & (theirs != ours)).any():
            at = wrong.idxmax()
            has, needs = _text(theirs[at]), _text(ours[at])
            raise InputError(f"{self.place(at)}: {column} is {has}, but {self.trial(at)} has {needs}; {INSTEAD}")


def _read(file: Path) -> pd.DataFrame:
    """The rows of a table of trials; ``row`` counts them from 1."""
    if stub_in(file, parts=False):
        raise InputError(f"{file}: a stub, no table; {GET_CONTENT}")
    table = read_csv(file, COLUMNS)
    if not {*THINGS_NUMBERS, *OWN_NUMBERS} & set(table):
        wanted = " or ".join([*THINGS_NUMBERS, *OWN_NUMBERS])
        raise InputError(f"{file}: columns are missing: {wanted}; it has: {listed(table.columns, most=20)}; {INSTEAD}")
    numbers = {name: whole_numbers(table[name], file) for name in ("session_nr", "run_nr")}
    return table.assign(row=range(1, len(table) + 1), image_path=table["image_path"].map(_posix), **numbers)


def _posix(path: str) -> str:
    return as_posix(path) if path.strip() else ""


def _participant(run: BidsRun) -> int | None:
    digits = re.search(r"\d+$", run.entities.get("sub", ""))
    return int(digits[0]) if digits else None


def _matched(file: Path, table: pd.DataFrame, run: BidsRun, events: pd.DataFrame) -> pd.DataFrame:
    """Code and path of the pictures of a run, each row being proved to be of its event."""
    pairs = _paired(file, table, run, events)
    kinds = pairs.trials["split"].map(TRIAL_TYPES)
    pairs.check_equal("trial_type", pairs.rows["trial_type"].str.strip(), kinds, kinds.notna())
    _check_numbers(pairs)
    _check_paths(pairs)
    places = f"{file}, row " + pairs.rows["row"].astype(str) + f" ({run.base.name})"
    return pd.DataFrame({"code": pairs.trials["image"], "path": pairs.rows["image_path"], "place": places})[pairs.shown]


def _paired(file: Path, table: pd.DataFrame, run: BidsRun, events: pd.DataFrame) -> _Pairs:
    rows = table[(table["session_nr"] == run.session) & (table["run_nr"] == run.number)]
    trials = events[events["split"].isin(TRIAL_TYPES)]
    if len(rows) != len(trials):
        raise InputError(
            f"{file}: session {run.session}, run {run.number} has {len(rows) or 'no'} rows, but {run.events} has "
            f"{len(trials)} trials; {INSTEAD}"
        )
    return _Pairs(file, rows.reset_index(drop=True), run, trials.reset_index(drop=True))


def _check_numbers(pairs: _Pairs) -> None:
    """Refuse pictures whose numbers are not those of their events, or that have none to compare."""
    columns = THINGS_NUMBERS if set(THINGS_NUMBERS) & set(pairs.rows) else OWN_NUMBERS
    proved = ~pairs.shown
    for column, name in columns.items():
        theirs, ours = _numbers(pairs.rows, column), _numbers(pairs.trials, name)
        both = theirs.notna() & ours.notna()
        pairs.check_equal(column, theirs, ours, both & pairs.shown)
        proved |= both
    if not proved.all():
        at = proved.idxmin()
        raise InputError(
            f"{pairs.place(at)}: nothing proves that it is {pairs.trial(at)}, for none of these is a number in both: "
            f"{listed(columns)}; {INSTEAD}"
        )


def _numbers(table: pd.DataFrame, column: str) -> pd.Series:
    given = table[column] if column in table else pd.Series(float("nan"), index=table.index)
    return pd.to_numeric(given, errors="coerce").astype(float)


def _check_paths(pairs: _Pairs) -> None:
    nameless = pairs.shown & (pairs.rows["image_path"].map(concept_folder) == "")
    if nameless.any():
        at = nameless.idxmax()
        form = "a picture of THINGS, named by concept and number as aardvark_01b.jpg is"
        raise bad_value("image_path", pairs.rows["image_path"][at], form, where=pairs.place(at), cure=INSTEAD)


def _check_one(named: pd.DataFrame, key: str, other: str) -> None:
    """Refuse an event code that is two pictures, or a picture that has two event codes."""
    pairs = named.drop_duplicates([key, other])
    if (twice := pairs[key].duplicated()).any():
        second = pairs[twice].iloc[0]
        first = pairs[pairs[key] == second[key]].iloc[0]
        names = {"code": "event code", "path": "image_path"}
        raise InputError(
            f"{second['place']}: {names[key]} {second[key]} is {names[other]} {second[other]}, but {first[other]} in "
            f"{first['place']}; {INSTEAD}"
        )


def _check_named(run: BidsRun, events: pd.DataFrame, paths: pd.Series) -> None:
    shown = events.loc[events["split"].isin(PARTITIONS), "image"]
    if len(unnamed := sorted(set(shown) - set(paths.index))):
        raise InputError(
            f"{run.events}: no sample_attributes_P*.csv names event codes that were shown: {listed(unnamed)}; get "
            f"sourcedata/sample_attributes_P{_participant(run)}.csv, or put a csv with Event_ID, Category_Prefix and "
            "Image there"
        )


def _text(value: str | float) -> str:
    return repr(value) if isinstance(value, str) else f"{value:.10g}"
