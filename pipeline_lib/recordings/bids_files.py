"""Where the files of a BIDS study lie: the runs of a subject, their events and sidecars.

Nothing here looks inside a CTF folder for runs: each real one holds copies of itself at other rates.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.recordings.recording import LAST_SESSION, subject_folder

SIGNAL_ENDINGS = (".vhdr", ".bdf", ".edf", ".set", ".fif", ".ds")
DATATYPES = ("eeg", "meg")
EVENTS = "_events.tsv"


@dataclass(frozen=True)
class BidsRun:
    """The files of one run.

    Attributes
    ----------
    root : Path
        Of the study.
    base : Path
        What the run's files have in common: ``.../sub-01_ses-01_task-main_run-01``.
    datatype : str
        ``eeg`` or ``meg``, the name of its folder.
    session : int
        From 1.
    signal : Path or None
        The signal's file (of several parts the first) or CTF folder; it may be a stub.
    events : Path or None
        events.tsv, perhaps one that a higher folder holds for many runs.
    """

    root: Path
    base: Path
    datatype: str
    session: int
    signal: Path | None
    events: Path | None

    @property
    def entities(self) -> dict[str, str]:
        """``{"sub": "01", "task": "main", "run": "01"}``."""
        return entities_of(self.base.name)

    @property
    def task(self) -> str:
        """Name of the task, empty if the file name has none."""
        return self.entities.get("task", "")

    @property
    def number(self) -> int:
        """Number of the run; 0 if the file name has none."""
        digits = re.search(r"\d+", self.entities.get("run", ""))
        return int(digits[0]) if digits else 0

    @property
    def file(self) -> Path:
        """The signal's file, or where it should be."""
        return self.signal or self.base.with_name(f"{self.base.name}_{self.datatype}")


def entities_of(name: str) -> dict[str, str]:
    """The entities in the name of a BIDS file: short keys, as written."""
    parts = (part.split("-", 1) for part in name.split(".")[0].split("_") if "-" in part)
    return {part[0]: part[1] for part in parts}


def find_runs(root: Path, subject: str, expected: str, tasks: Iterable[str] | None = None) -> list[BidsRun]:
    """The runs of a subject that have a table of events, by session, task and number.

    Parameters
    ----------
    root : Path
        ``study.root``.
    subject : str
        Name of the folder.
    expected : str
        What that folder holds, for errors.
    tasks : iterable of str, optional
        Names of the tasks wanted. Defaults to all.

    Raises
    ------
    InputError
        If there is no such run; names the tasks that are there.
    """
    found = [run for run in all_runs(root, subject, expected) if run.events]
    return _of_tasks(found, tasks, where=Path(root) / subject, expected=expected)


def runs_of_study(root: Path, tasks: Iterable[str] | None = None) -> list[BidsRun]:
    """The runs with a table of events of all subjects ``sub-*``; those without any, as of empty rooms, are passed over.

    Raises
    ------
    InputError
        If there is no such run.
    """
    subjects = sorted(path.name for path in Path(root).glob("sub-*") if path.is_dir() and any(path.iterdir()))
    found = [run for subject in subjects for run in all_runs(root, subject, "") if run.events]
    return _of_tasks(found, tasks, where=root, expected="a study in BIDS: sub-*/[ses-*/]eeg or meg")


def all_runs(root: Path, subject: str, expected: str) -> list[BidsRun]:
    """The runs of a subject by session, task and number, also those without events or without a signal."""
    folder = subject_folder(Path(root), subject, expected)
    found = [run for session, place in data_folders(folder) for run in _runs_in(place, session, Path(root))]
    return sorted(found, key=lambda run: (run.session, run.task, run.number, str(run.base)))


def data_folders(subject: Path) -> list[tuple[int, Path]]:
    """Number of the session and folder of each ``eeg`` and ``meg`` below a subject's folder.

    Labels of sessions that are not all numbers from 1 (or dates, such as 20261120) are numbered by their rank; without
    sessions all is session 1.
    """
    sessions = sorted(path for path in subject.glob("ses-*") if path.is_dir())
    places = list(zip(_session_numbers([path.name for path in sessions]), sessions, strict=True)) or [(1, subject)]
    return [(number, place / name) for number, place in places for name in DATATYPES if (place / name).is_dir()]


def sidecar(run: BidsRun, suffix: str, ending: str) -> Path | None:
    """The run's sidecar, or the one that a higher folder holds for several runs; None if there is none."""
    own = run.base.with_name(f"{run.base.name}_{suffix}{ending}")
    return own if own.is_file() else _inherited(run.root, run.base, run.datatype, suffix, ending)


def _of_tasks(found: list[BidsRun], tasks: Iterable[str] | None, *, where: Path, expected: str) -> list[BidsRun]:
    wanted = None if tasks is None else set(tasks)
    runs = [run for run in found if wanted is None or run.task in wanted]
    if not runs:
        present = f"; tasks there: {listed(sorted({run.task or 'unnamed' for run in found}))}" if found else ""
        named = f" of task {listed(sorted(wanted))}" if wanted else ""
        raise InputError(f"{where}: no runs{named} with an events.tsv; expected {expected}{present}")
    return runs


def _session_numbers(names: list[str]) -> list[int]:
    labels = [name.removeprefix("ses-") for name in names]
    numbers = [int(label) if label.isascii() and label.isdigit() else 0 for label in labels]
    if all(0 < number <= LAST_SESSION for number in numbers) and len(set(numbers)) == len(numbers):
        return numbers
    return list(range(1, len(names) + 1))


def _runs_in(folder: Path, session: int, root: Path) -> Iterator[BidsRun]:
    names = sorted(name for name in os.listdir(folder) if _is_data(name))
    signals: dict[str, str] = {}
    for name in names:
        if base := _base_of_signal(name, folder.name):
            signals.setdefault(base, name)
    events = {name.removesuffix(EVENTS): folder / name for name in names if name.endswith(EVENTS)}
    for base in sorted({*signals, *events}):
        yield BidsRun(
            root=root,
            base=folder / base,
            datatype=folder.name,
            session=session,
            signal=folder / signals[base] if base in signals else None,
            events=events.get(base) or _inherited(root, folder / base, folder.name, "events", ".tsv"),
        )


def _is_data(name: str) -> bool:
    return not name.startswith(".")  # AppleDouble files, ._*, are made by macOS beside the real ones


def _base_of_signal(name: str, datatype: str) -> str:
    stem, ending = os.path.splitext(name)
    if ending.lower() not in SIGNAL_ENDINGS or not stem.endswith(f"_{datatype}"):
        return ""
    return re.sub(r"_split-\d+", "", stem.removesuffix(f"_{datatype}"))


def _inherited(root: Path, base: Path, datatype: str, suffix: str, ending: str) -> Path | None:
    """By the inheritance principle of BIDS; a file that speaks of another run is none."""
    import mne_bids

    try:
        path = mne_bids.get_bids_path_from_fname(base.with_name(f"{base.name}_{suffix}{ending}"), check=False)
        path.update(root=root, datatype=datatype)
        found = path.find_matching_sidecar(suffix=suffix, extension=ending, on_error="ignore")
    except Exception:  # names that are no BIDS: nothing can be inherited
        return None
    if found is None or not entities_of(found.name).items() <= entities_of(base.name).items():
        return None
    return Path(found)
