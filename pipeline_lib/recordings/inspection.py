"""What a study's recordings hold, from names of files, tables and headers alone: no signal is read."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.common.progress import progress
from pipeline_lib.recordings.layouts import layout_of
from pipeline_lib.recordings.params import StudyParams
from pipeline_lib.recordings.recording import PARTITIONS, UNTOLD, Defect, Header
from pipeline_lib.recordings.trials import AnyRun

ODD_SHARE = 0.05  # a run is odd when its trials differ by more from the median of runs that show the same splits

STOPS = "preprocess will stop"


@dataclass(frozen=True)
class SplitSummary:
    """The events of one split of one subject.

    Attributes
    ----------
    events, images : int
    concepts : int or None
        None where the tables do not name them.
    repeats_min, repeats_median, repeats_max : float
        Events per image.
    """

    events: int
    images: int
    concepts: int | None
    repeats_min: int
    repeats_median: float
    repeats_max: int


@dataclass(frozen=True)
class RunSummary:
    """One recording.

    Attributes
    ----------
    file : str
        Below the study's root.
    session : int
    events : dict of str to int
        By split; what is no trial has a word of its own (``target``, ``catch``).
    """

    file: str
    session: int
    events: dict[str, int]


@dataclass(frozen=True)
class SubjectSummary:
    """One subject.

    Attributes
    ----------
    subject : str
    sessions : int
    runs : list of RunSummary
    splits : dict of str to SplitSummary
    channels : dict of str to list of int
        How many of each type the first run of each session has: more than one number where they differ.
    sfreqs : list of float
        Sampling rates in Hz that occur in these runs.
    defects : list of Defect
    """

    subject: str
    sessions: int
    runs: list[RunSummary]
    splits: dict[str, SplitSummary]
    channels: dict[str, list[int]]
    sfreqs: list[float]
    defects: list[Defect]

    def as_json(self, root: Path) -> dict[str, Any]:
        """Plain values for JSON, files below `root`."""
        defects = [asdict(defect) | {"place": _below(defect.place, root)} for defect in self.defects]
        return asdict(self) | {"defects": defects}


def inspect_subject(study: StudyParams, subject: str) -> SubjectSummary:
    """What one subject's recordings hold, and every defect found.

    What cannot be read is a defect, not an error: everything else is still counted.
    """
    layout = layout_of(study.layout)
    try:
        runs = layout.runs(study, subject)
    except InputError as error:
        folder = study.root / subject
        action = STOPS if subject.startswith("sub-") else f"no subject, or {STOPS}"
        return SubjectSummary(subject, 0, [], {}, {}, [], [Defect(folder, _reason(error, folder, study), action)])
    defects = list(layout.defects(study, subject))
    tables: list[tuple[AnyRun, pd.DataFrame]] = []
    headers: dict[int, Header] = {}
    unread: list[tuple[Path, str]] = []
    for run in progress(runs, label=subject, unit="run"):
        try:
            tables.append((run, run.events()))
            # One header per session: a CTF header takes a tenth of a second, and a study has 480.
            headers[run.session] = headers.get(run.session) or run.header()
        except InputError as error:
            unread.append((run.file, _reason(error, run.file, study)))
    summaries = [RunSummary(_below(run.file, study.root), run.session, _counts(events)) for run, events in tables]
    splits = _splits([events for _, events in tables])
    return SubjectSummary(
        subject=subject,
        sessions=len({run.session for run in runs}),
        runs=summaries,
        splits=splits,
        channels=_channel_counts(headers.values()),
        sfreqs=sorted({header.sfreq for header in headers.values() if header.sfreq}),
        defects=[
            *defects,
            *_unreadable(unread),
            *_odd_counts(runs, summaries, study.root / subject),
            *_unusable(splits, summaries, headers.values(), study.root / subject),
        ],
    )


def _counts(events: pd.DataFrame) -> dict[str, int]:
    return {str(split): int(count) for split, count in events["split"].value_counts().sort_index().items()}


def _splits(tables: Sequence[pd.DataFrame]) -> dict[str, SplitSummary]:
    events = pd.concat(tables) if tables else pd.DataFrame({"split": []})
    present = [split for split in (*PARTITIONS, UNTOLD) if (events["split"] == split).any()]
    return {split: _summary(events[events["split"] == split]) for split in present}


def _summary(events: pd.DataFrame) -> SplitSummary:
    repeats = events["image"].value_counts()
    return SplitSummary(
        events=len(events),
        images=len(repeats),
        concepts=int(events["concept"].nunique()) if "concept" in events else None,
        repeats_min=int(repeats.min()),
        repeats_median=float(repeats.median()),
        repeats_max=int(repeats.max()),
    )


def _channel_counts(headers: Iterable[Header]) -> dict[str, list[int]]:
    counts = [Counter(header.ch_types) for header in headers]
    return {kind: sorted({count[kind] for count in counts}) for kind in sorted({kind for c in counts for kind in c})}


def _unreadable(unread: Iterable[tuple[Path, str]]) -> Iterator[Defect]:
    """Why runs cannot be read: each reason once, however many have it."""
    alike: dict[str, list[tuple[Path, str]]] = {}
    for file, reason in unread:
        named, _, rest = reason.partition(": ")
        alike.setdefault(rest if "/" in named else reason, []).append((file, reason))
    for (file, reason), *others in alike.values():
        yield Defect(file, reason + (f" (the first of {len(others) + 1} files)" if others else ""), STOPS)


def _odd_counts(runs: Sequence[AnyRun], summaries: Sequence[RunSummary], folder: Path) -> list[Defect]:
    """Sessions with another number of runs than most, and runs with another number of trials than their like."""
    found = []
    per_session = Counter(run.session for run in runs)
    usual = Counter(per_session.values()).most_common(1)[0][0]
    for session, count in sorted(per_session.items()):
        if count != usual:
            found.append(Defect(folder, f"session {session} has {count} runs, most have {usual}", "used as it is"))
    alike: dict[tuple[str, ...], list[RunSummary]] = {}
    for summary in summaries:
        alike.setdefault(tuple(split for split in summary.events if split in PARTITIONS), []).append(summary)
    for group in alike.values():
        totals = [sum(summary.events.values()) for summary in group]
        median = float(np.median(totals))
        for summary, total in zip(group, totals, strict=True):
            if abs(total - median) > ODD_SHARE * median:
                what = f"{total} events, the median of runs like it is {median:g}"
                found.append(Defect(folder.parent / summary.file, what, "used as it is"))
    return found


def _unusable(
    splits: dict[str, SplitSummary], runs: Sequence[RunSummary], headers: Iterable[Header], folder: Path
) -> list[Defect]:
    """What will make preprocessing or retrieval impossible, apart from what could not be read."""
    found = []
    if runs and not splits:
        words = sorted({split for run in runs for split in run.events})
        found.append(Defect(folder, f"no event is of split train or test, all are of: {listed(words)}", STOPS))
    elif runs and UNTOLD not in splits:
        if "train" not in splits:
            found.append(Defect(folder, "no training trials", STOPS))
        if "test" not in splits or splits["test"].images < 2:
            found.append(Defect(folder, "trials of fewer than 2 test images", STOPS))
    if len({header.sfreq for header in headers}) > 1:
        found.append(Defect(folder, "recordings differ in sampling rate", "resampled, if preprocess.sfreq is set"))
    return found


def _below(place: Path, root: Path) -> str:
    return place.relative_to(root).as_posix() if place.is_relative_to(root) else str(place)


def _reason(error: InputError, place: Path, study: StudyParams) -> str:
    """An error without the place that is named beside it, files below the study's root."""
    return str(error).removeprefix(f"{place}: ").replace(f"{study.root}/", "")
