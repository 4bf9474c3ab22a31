"""The table of several systems: ours beside the published figures, for people, as csv and as JSON."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from pipeline_lib.commands.published import GALLERY_SIZE, PROTOCOLS, TITLES, Figures, why_not_comparable
from pipeline_lib.common.errors import bad_value
from pipeline_lib.common.outputs import written_whole
from pipeline_lib.retrieval.summaries import FROM_BRAIN
from pipeline_lib.retrieval.table import percent

COLUMNS = (
    *("system", "gallery", "images", "protocol", "subjects", "seeds"),
    *(f"{measure}{figure}" for measure in ("top1", "top5") for figure in ("", "_sd", "_low", "_high", "_chance")),
    *("published_study", "published_top1", "published_top5", "comparable", "experiment", "error"),
)
SUFFIXES = (".csv", ".json")


@dataclass(frozen=True)
class Outcome:
    """What became of one preset.

    Attributes
    ----------
    system : str
        The preset.
    published : mapping
        What was published for it.
    experiment : str
        Name of its DVC experiment; empty if it failed.
    report : dict
        Its metrics; empty if it failed.
    error : str
        Why it failed, in one line; empty if it did not.
    """

    system: str
    published: Figures
    experiment: str = ""
    report: dict[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True)
class Comparison:
    """Outcomes on one study, beside what was published on it.

    Attributes
    ----------
    outcomes : sequence of Outcome
    study : str
        ``study.name``.
    published : str
        The study whose published figures stand beside; empty for none.
    """

    outcomes: Sequence[Outcome]
    study: str
    published: str

    @property
    def why_not(self) -> str:
        """Why ours and theirs are not comparable; empty if they are."""
        sizes = {row["gallery_size"] for outcome in self.outcomes for row in _from_brain(outcome)}
        return why_not_comparable(self.study, sizes) if self.published else "nothing published is known for it"


def check_suffix(out: Path | None) -> None:
    """Refuse a file that is neither csv nor JSON, before anything runs."""
    if out and out.suffix not in SUFFIXES:
        raise bad_value("--out", str(out), "a file that ends in .csv or .json")


def rows(comparison: Comparison) -> list[dict[str, Any]]:
    """One mapping of :data:`COLUMNS` per system, gallery and protocol; a failed system has one, with its error.

    Accuracies are in percent. The published figures do not tell galleries apart and stand beside the first one.
    """
    found = []
    for outcome in comparison.outcomes:
        details = _from_brain(outcome)
        found += [_row(comparison, outcome, row, row["gallery"] == details[0]["gallery"]) for row in details]
        if outcome.error:
            found.append(dict.fromkeys(COLUMNS) | {"system": outcome.system, "error": outcome.error})
    return found


def write_rows(comparison: Comparison, out: Path) -> None:
    """Write the rows to `out`: csv, or JSON with what has to be known besides."""
    with written_whole(out) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        if out.suffix == ".csv":
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows(comparison))
        else:
            about = {"study": comparison.study, "notes": notes(comparison)}
            json.dump(about | {"systems": rows(comparison)}, file, indent=1, ensure_ascii=False)
            file.write("\n")


def render(comparison: Comparison) -> Table:
    """The table for people: a line per system and gallery."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for column in ("system", "gallery (images)"):
        table.add_column(column, no_wrap=True)
    for protocol in PROTOCOLS:
        table.add_column(f"{protocol}, ours\ntop-1 / top-5 %", justify="right", no_wrap=True)
        if comparison.published:
            table.add_column(_published_title(comparison), justify="right", no_wrap=True)
    table.add_column("experiment", no_wrap=True)
    for outcome in comparison.outcomes:
        for cells in _lines(comparison, outcome):
            table.add_row(*cells)
    return table


def notes(comparison: Comparison) -> list[str]:
    """What has to be known to read the table, and why systems failed."""
    details = [row for outcome in comparison.outcomes for row in _from_brain(outcome)]
    return [*_ours(details), *_published_note(comparison), *_about(comparison), *_failures(comparison)]


def _ours(details: Sequence[dict[str, Any]]) -> list[str]:
    if not details:
        return []
    runs = dict.fromkeys(
        f"{row['protocol']} {_counted(row['subjects'], 'subject')} and {_counted(row['seeds'], 'seed')}"
        for row in details
    )
    chance = dict.fromkeys(
        f"{row['gallery']} {percent(row['chance']['top1'])} / {percent(row['chance']['top5'])}" for row in details
    )
    spread = "± sd over seeds" if all(row["sd"] for row in details) else "[95 % bootstrap interval over test images]"
    return [f"ours: mean over {', '.join(runs)}; {spread}", f"chance: {', '.join(chance)} %"]


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _published_note(comparison: Comparison) -> list[str]:
    if not comparison.published:
        return [f"nothing published is known for study {comparison.study!r}; --published-as names one that is alike"]
    title = f"published: {TITLES[comparison.published]}, {GALLERY_SIZE} images, as the papers print it"
    return [f"{title}; not comparable: {why}" if (why := comparison.why_not) else title]


def _about(comparison: Comparison) -> list[str]:
    return list(dict.fromkeys(line for outcome in comparison.outcomes for line in outcome.report.get("about", [])[:3]))


def _failures(comparison: Comparison) -> list[str]:
    return [f"failed: {outcome.system}: {outcome.error}" for outcome in comparison.outcomes if outcome.error]


def _published_title(comparison: Comparison) -> str:
    title = f"published\n({TITLES[comparison.published]})"
    return f"{title},\nnot comparable" if comparison.why_not else title


def _lines(comparison: Comparison, outcome: Outcome) -> Iterable[tuple[str, ...]]:
    details = _from_brain(outcome)
    galleries = list(dict.fromkeys(row["gallery"] for row in details)) or ["failed"]
    for number, gallery in enumerate(galleries):
        here = {row["protocol"]: row for row in details if row["gallery"] == gallery}
        sizes = ", ".join(dict.fromkeys(str(row["gallery_size"]) for row in here.values()))
        cells = [outcome.system if not number else "", f"{gallery} ({sizes})" if sizes else gallery]
        for protocol in PROTOCOLS:
            cells.append(_ours_cell(here[protocol]) if protocol in here else "-")
            if comparison.published:
                cells.append("" if number else _published_cell(_published(comparison, outcome, protocol)))
        yield (*cells, "" if number else outcome.experiment or "-")


def _ours_cell(row: dict[str, Any]) -> str:
    figures = []
    for measure in ("top1", "top5"):
        figure = percent(row[measure])
        if row["sd"]:
            figure += f" ± {percent(row['sd'][measure])}"
        elif row["interval"] and measure == "top1":
            figure += f" [{', '.join(map(percent, row['interval'][measure]))}]"
        figures.append(figure)
    return " / ".join(figures)


def _published_cell(pair: Sequence[float | None]) -> str:
    return " / ".join("-" if figure is None else f"{figure:.1f}" for figure in pair) if any(pair) else "-"


def _published(comparison: Comparison, outcome: Outcome, protocol: str) -> Sequence[float | None]:
    return outcome.published.get(comparison.published, {}).get(protocol, (None, None))


def _row(comparison: Comparison, outcome: Outcome, detail: dict[str, Any], first: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"system": outcome.system, "experiment": outcome.experiment, "error": None}
    row |= {name: detail[name] for name in ("gallery", "protocol", "subjects", "seeds")}
    row |= {"images": detail["gallery_size"], "comparable": not comparison.why_not}
    pair = _published(comparison, outcome, detail["protocol"]) if first else (None, None)
    row |= {"published_study": comparison.published or None, "published_top1": pair[0], "published_top5": pair[1]}
    for measure in ("top1", "top5"):
        low, high = detail["interval"][measure] if detail["interval"] else (None, None)
        figures = {"": detail[measure], "_sd": detail["sd"] and detail["sd"][measure], "_low": low, "_high": high}
        figures["_chance"] = detail["chance"][measure]
        row |= {f"{measure}{name}": _in_percent(figure) for name, figure in figures.items()}
    return {name: row[name] for name in COLUMNS}


def _in_percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 4)


def _from_brain(outcome: Outcome) -> list[dict[str, Any]]:
    return [row for row in outcome.report.get("details", []) if row["direction"] == FROM_BRAIN]
