"""Stage `analyse`: trained models and the test partition -> tables of when, where and how they find what was seen.

python -m stages.analyse --runs data/runs --epochs data/epochs --features data/features/slip-b16.h5 \
    --stimuli data/stimuli.csv --out metrics/analysis --plots metrics/plots
"""

from pathlib import Path

import typer
from threadpoolctl import threadpool_limits

from pipeline_lib.analysis.context import Context
from pipeline_lib.analysis.params import AnalysisParams
from pipeline_lib.analysis.tables import PLOTTED, analysis_tables, over_runs, write_table
from pipeline_lib.common.cli import run_stage
from pipeline_lib.common.device import use_threads
from pipeline_lib.common.params import load_names, load_section
from pipeline_lib.common.progress import progress
from pipeline_lib.common.stimulus_table import read_stimulus_table
from pipeline_lib.retrieval.opened_runs import Declared, Inputs, opened_runs
from pipeline_lib.retrieval.params import EvaluateParams


def main(
    *,
    runs: Path,
    epochs: Path,
    features: Path,
    stimuli: Path,
    out: Path,
    plots: Path,
    params_file: Path = Path("params.yaml"),
) -> None:
    """Analyse exactly the runs that params.yaml declares.

    A table of each analysis is written into the folder `out`, and means over runs for DVC's plots into `plots`.
    """
    params = load_section(params_file, "analysis", AnalysisParams)
    evaluate = load_section(params_file, "evaluate", EvaluateParams)
    declared = Declared(
        subjects=load_names(params_file, "subjects"),
        held_out=load_names(params_file, "held_out"),
        seeds=load_names(params_file, "seeds"),
    )
    inputs = Inputs(runs, epochs, features, read_stimulus_table(stimuli))
    opened = progress(opened_runs(inputs, declared, evaluate.repeats), label="analyse", unit="run")
    use_threads(params.threads)
    with threadpool_limits(params.threads):
        tables = analysis_tables(opened, Context(params, inputs))
    for name, table in tables.items():
        write_table(table, out / f"{name}.csv")
    for name, keys in PLOTTED.items():
        if name in tables:
            write_table(over_runs(tables[name], keys), plots / f"{name}.csv")
    typer.echo(f"analyse: {', '.join(tables)} -> {out}")


if __name__ == "__main__":
    run_stage(main)
