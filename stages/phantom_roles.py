"""Stage `phantom_roles`: the tiny image-text model of the phantom study plays another model's role.

python -m stages.phantom_roles --of data/models/phantom/slip-b16 --out data/models/phantom/clip-l14
"""

from pathlib import Path

import typer

from pipeline_lib.common.cli import run_stage
from pipeline_lib.common.errors import InputError
from pipeline_lib.common.outputs import written_whole
from pipeline_lib.features.roles import write_alias


def main(*, of: Path, out: Path) -> None:
    """Write the folder `out`, which hands its role to the model in the folder `of` beside it."""
    if of.parent != out.parent:
        raise InputError(f"{out}: a role is played by a model beside it, but {of} lies elsewhere")
    with written_whole(out) as unfinished:
        write_alias(unfinished, of)
    typer.echo(f"phantom_roles: {of.name} plays {out}")


if __name__ == "__main__":
    run_stage(main)
