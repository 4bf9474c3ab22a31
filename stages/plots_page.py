"""Stage `plots-page`: the page that `dvc plots` fills, which needs no network.

python -m stages.plots_page --out metrics/plots_page.html
"""

from pathlib import Path

import typer

from pipeline_lib.common.cli import run_stage
from pipeline_lib.common.outputs import written_whole
from pipeline_lib.reporting.plots_page import plots_page


def main(*, out: Path) -> None:
    """Write the page to `out`; .dvc/config names it as plots.html_template."""
    with written_whole(out) as unfinished:
        unfinished.write_text(plots_page(), encoding="utf-8")
    typer.echo(f"plots-page: {out.stat().st_size / 1e6:.1f} MB -> {out}")


if __name__ == "__main__":
    run_stage(main)
