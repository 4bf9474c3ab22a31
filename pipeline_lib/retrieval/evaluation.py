"""One pass of each trained model over the test partition, after everything about it has been chosen."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline_lib.recordings.params import StudyParams
from pipeline_lib.retrieval.opened_runs import Declared, Inputs, opened_runs
from pipeline_lib.retrieval.params import EvaluateParams
from pipeline_lib.retrieval.report import about_lines
from pipeline_lib.retrieval.summaries import FROM_BRAIN, Result, both_directions
from pipeline_lib.training.run_folder import ModelCard, load_run


def about(inputs: Inputs, declared: Declared, study: StudyParams, params: EvaluateParams) -> list[str]:
    """What a reader of the metrics has to know; see :func:`pipeline_lib.retrieval.report.about_lines`."""
    folder = declared.folders(inputs.runs)[0]
    _, card, trained_with = load_run(folder)
    return about_lines(
        study=study.name,
        synthetic=study.name.startswith("phantom"),
        closed_set=study.closed_set,
        repeats=params.repeats,
        whitening=card.whitening,
        selection=_selection(trained_with),
        remarks=[*_pairs_remarks(trained_with["train"]["pairs"]), *_view_remarks(card)],
    )


def _selection(trained_with: Mapping[str, Any]) -> str:
    """By which loss the epoch was chosen: not by brain-image where that was no objective."""
    validation, objectives = trained_with["train"]["validation"], trained_with["loss"]["objectives"]
    by = validation["loss"] if validation["loss"] in objectives else "total"
    return f"epoch of lowest validation loss ({'elbo' if 'elbo' in objectives else by}), split by {validation['split']}"


def _pairs_remarks(pairs: str) -> list[str]:
    if pairs == "shown":
        return []
    return ["negative control: trained on shuffled pairs of response and image; all figures have to be at chance"]


def _view_remarks(card: ModelCard) -> list[str]:
    """What is searched, where responses were matched with something else in training."""
    trained = card.target_view if isinstance(card.target_view, list) else [card.target_view]
    if card.gallery_view in (card.target_view, *(trained if len(trained) == 1 else ())):
        return []
    how = {"mean": "the mean of ", "uncertainty": "one for each sample of "}[card.target_views]
    matched = f"{how if len(trained) > 1 else ''}{', '.join(trained)}"
    return [f"view of the images that are searched: {card.gallery_view} (in training: {matched})"]


def evaluate_runs(inputs: Inputs, declared: Declared, params: EvaluateParams) -> Iterator[Result]:
    """Rank the galleries for every declared run, in both directions.

    Yields
    ------
    Result
        For each run and gallery, brain to gallery and gallery to brain.

    Raises
    ------
    InputError
        As :func:`~pipeline_lib.retrieval.opened_runs.opened_runs`.
    """
    for run in opened_runs(inputs, declared, params.repeats):
        queries = run.embed(run.responses)
        for name in params.galleries:
            similarity, relevant = run.match(queries, name)
            which = (run.protocol, run.subject, run.seed, name, FROM_BRAIN)
            yield from both_directions(Result(*which, similarity, relevant, run.names(name)))
