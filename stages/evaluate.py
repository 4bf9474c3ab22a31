"""Stage `evaluate`: trained models and the test partition -> retrieval metrics.

python -m stages.evaluate --runs data/runs --epochs data/epochs --features data/features/slip-b16.h5 \
    --stimuli data/stimuli.csv --out metrics
"""

from pathlib import Path

import typer

from pipeline_lib.common.cli import run_stage
from pipeline_lib.common.params import load_names, load_section
from pipeline_lib.common.progress import progress
from pipeline_lib.common.stimulus_table import read_stimulus_table
from pipeline_lib.recordings.params import StudyParams
from pipeline_lib.retrieval.curves import write_curves
from pipeline_lib.retrieval.evaluation import about, evaluate_runs
from pipeline_lib.retrieval.opened_runs import Declared, Inputs
from pipeline_lib.retrieval.params import EvaluateParams
from pipeline_lib.retrieval.queries import write_queries
from pipeline_lib.retrieval.report import retrieval_report, write_n_way_rows, write_report, write_subject_rows
from pipeline_lib.retrieval.top_k import write_top_k_rows


def main(
    *,
    runs: Path,
    epochs: Path,
    features: Path,
    stimuli: Path,
    out: Path,
    params_file: Path = Path("params.yaml"),
) -> None:
    """Evaluate exactly the runs that params.yaml declares and write the metrics into the folder `out`."""
    study = load_section(params_file, "study", StudyParams)
    params = load_section(params_file, "evaluate", EvaluateParams)
    declared = Declared(
        subjects=load_names(params_file, "subjects"),
        held_out=load_names(params_file, "held_out"),
        seeds=load_names(params_file, "seeds"),
    )
    inputs = Inputs(runs, epochs, features, read_stimulus_table(stimuli))
    results = list(progress(evaluate_runs(inputs, declared, params), label="evaluate", unit="ranking"))
    report = retrieval_report(results, params, about(inputs, declared, study, params))
    write_report(report, out / "retrieval.json")
    write_subject_rows(results, out / "plots" / "subjects.csv")
    write_n_way_rows(report, out / "plots" / "n_way.csv")
    write_top_k_rows(results, out / "plots" / "top_k.csv")
    write_curves(declared.folders(runs), out / "plots" / "curves.csv")
    write_queries(results, out / "queries.csv")
    typer.echo(f"evaluate: {len(list(declared.runs()))} runs, galleries {', '.join(params.galleries)} -> {out}")


if __name__ == "__main__":
    run_stage(main)
