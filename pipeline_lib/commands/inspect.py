"""Command `trialign inspect`: what a study holds, before anything is computed.

trialign inspect /data/ds004212 --layout things-meg-bids
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from pipeline_lib.common.errors import InputError, bad_value, did_you_mean
from pipeline_lib.recordings.inspection import SplitSummary, SubjectSummary, inspect_subject
from pipeline_lib.recordings.params import BidsParams, StudyParams
from pipeline_lib.recordings.recording import subject_names

LAYOUT_NAMES = get_args(StudyParams.model_fields["layout"].annotation)
SHOWN_QUALITY = {"recordings", "trials", "flat_channels", "noisy_channels", "condition", "responses"}


def inspect(
    root: Annotated[Path, typer.Argument(help="The study: the folder with one folder per subject.")],
    layout: Annotated[str, typer.Option(help=f"How it is laid out: {', '.join(LAYOUT_NAMES)}.")],
    *,
    subjects: Annotated[str, typer.Option(help="Only these, separated by commas.")] = "",
    epochs: Annotated[Path, typer.Option(help="Where preprocess wrote quality files.")] = Path("data/epochs"),
    image: Annotated[str, typer.Option(help="Layout bids: column of the image file.")] = "stim_file",
    split: Annotated[str, typer.Option(help="Layout bids: column of the split.")] = "split",
    concept: Annotated[str | None, typer.Option(help="Layout bids: column of the concept.")] = None,
    task: Annotated[str | None, typer.Option(help="Layout bids: only this task.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, machine-readable.")] = False,
) -> None:
    """Report subjects, runs, events, images, repeats, channels and every defect, from tables and headers alone."""
    study = _study(root, layout, BidsParams(task=task, image=image, split=split, concept=concept))
    summaries = [inspect_subject(study, name) for name in _chosen(study, subjects)]
    quality = {summary.subject: _quality(epochs, root / summary.subject) for summary in summaries}
    if as_json:
        rows = [summary.as_json(root) | {"quality": quality[summary.subject]} for summary in summaries]
        typer.echo(json.dumps({"root": str(root), "layout": layout, "subjects": rows}, indent=2))
        return
    for summary in summaries:
        typer.echo("\n".join(report(summary, quality[summary.subject], root)))


def report(summary: SubjectSummary, quality: dict[str, Any] | None, root: Path) -> Iterator[str]:
    """The lines that people read about one subject."""
    channels = ", ".join(f"{_alternatives(counts)} {kind}" for kind, counts in summary.channels.items())
    rates = _alternatives([f"{rate:g}" for rate in summary.sfreqs])
    heading = f"{summary.subject}: {summary.sessions} sessions, {len(summary.runs)} runs"
    yield f"{heading}, {channels} channels, {rates} Hz" if channels else f"{heading} that can be read"
    for name, split in summary.splits.items():
        yield f"  {name:<6} {_split_line(split)}"
    if others := _other_events(summary):
        yield f"  left out: {others}"
    for defect in summary.defects:
        place = defect.place.relative_to(root) if defect.place.is_relative_to(root) else defect.place
        yield f"  ! {place}: {defect.what} -> {defect.action}"
    if not summary.defects:
        yield "  no defects found"
    yield from quality_lines(quality) if quality else ()


def quality_lines(quality: dict[str, Any]) -> Iterator[str]:
    """What preprocessing wrote about the trials that were kept."""
    trials = quality["trials"]
    kept, dropped = (
        ", ".join(f"{n:,} {name}" for name, n in sorted(trials[key].items())) for key in ("kept", "dropped")
    )
    yield f"  preprocessed: kept {kept}; dropped {dropped or 'none'}"
    for kind in ("flat", "noisy"):
        if names := quality[f"{kind}_channels"]:
            yield f"    {kind} channels: {', '.join(names)}"
    if conditions := quality["condition"]:
        yield f"    condition of the noise covariance by session: {', '.join(f'{c:g}' for c in conditions.values())}"
    for step, splits in quality["responses"].items():
        for split, found in splits.items():
            figures = (found["evoked_snr"], found["reliability"], found["noise_ceiling"])
            snr, reliability, ceiling = ("?" if figure is None else f"{figure:.3g}" for figure in figures)
            yield f"    {step} {split}: evoked SNR {snr}, reliability {reliability}, noise ceiling {ceiling}"


def _study(root: Path, layout: str, bids: BidsParams) -> StudyParams:
    if layout not in LAYOUT_NAMES:
        raise bad_value("--layout", layout, ", ".join(LAYOUT_NAMES), cure=did_you_mean(layout, LAYOUT_NAMES))
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; name the folder that holds one folder per subject")
    return StudyParams(name="", layout=layout, root=root, images=root, stimuli=root, closed_set=False, bids=bids)


def _chosen(study: StudyParams, subjects: str) -> list[str]:
    present = subject_names(study.root)
    names = [name.strip() for name in subjects.split(",")] if subjects else present
    if not names:
        raise InputError(f"{study.root}: holds no folders; expected one per subject")
    for name in names:
        if name not in present:
            raise bad_value("--subjects", name, present, where=str(study.root))
    return names


def _split_line(split: SplitSummary) -> str:
    concepts = "" if split.concepts is None else f" of {split.concepts:,} concepts"
    repeats = f"repeats {split.repeats_min}-{split.repeats_max}, median {split.repeats_median:g}"
    return f"{split.events:,} events, {split.images:,} images{concepts}, {repeats}"


def _other_events(summary: SubjectSummary) -> str:
    totals: dict[str, int] = {}
    for run in summary.runs:
        for split, count in run.events.items():
            if split not in summary.splits:
                totals[split] = totals.get(split, 0) + count
    return ", ".join(f"{count:,} {split}" for split, count in sorted(totals.items()))


def _alternatives(values: list[Any]) -> str:
    return " or ".join(map(str, values)) or "?"


def _quality(epochs: Path, recordings: Path) -> dict[str, Any] | None:
    """What preprocess wrote of a subject, None where that is a subject of the same name in another study."""
    file = epochs / f"{recordings.name}.quality.json"
    if not file.exists():
        return None
    try:
        quality = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{file}: not valid JSON ({error}); run 'dvc repro preprocess' again") from None
    if not isinstance(quality, dict) or not quality.keys() >= SHOWN_QUALITY:
        raise InputError(f"{file}: holds no quality of a recording; run 'dvc repro preprocess' again")
    return quality if Path(str(quality["recordings"])).resolve() == recordings.resolve() else None
