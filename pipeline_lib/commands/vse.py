"""Command `trialign vse`: what a briefly flashed eye would see of some pictures.

trialign vse photos/*.jpg --out views
"""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from PIL import Image

from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.common.params import load_section
from pipeline_lib.common.progress import progress
from pipeline_lib.stimuli.extraction import in_threads, saliency_of_file
from pipeline_lib.stimuli.params import VseParams

PARAMS_FILE = Path("params.yaml")
SHIPPED_PARAMS = Path(__file__).resolve().parents[2] / "params.yaml"


def vse(
    images: Annotated[list[Path], typer.Argument(help="Image files.", show_default=False)],
    *,
    out: Annotated[Path, typer.Option(help="Folder for the PNG files; what else lies there stays.")],
    params_file: Annotated[
        Path | None, typer.Option(help="Section vse of it is used. Defaults to params.yaml here, or else as shipped.")
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="Worker threads; 0 for one per core.")] = 0,
) -> None:
    """Write the saliency view and map of images as PNG.

    For each image NAME.*: NAME_view.png, the picture weighted by saliency, and NAME_saliency.png, the map.
    """
    params = load_section(params_file or (PARAMS_FILE if PARAMS_FILE.exists() else SHIPPED_PARAMS), "vse", VseParams)
    check_names(images, out)
    with TemporaryDirectory(prefix=".unfinished.", dir=_nearest_folder(out)) as unfinished:
        work = partial(write_pngs, folder=Path(unfinished), params=params)
        for _ in progress(in_threads(work, images, threads=threads), total=len(images), label="saliency", unit="image"):
            pass
        out.mkdir(parents=True, exist_ok=True)
        for path in sorted(Path(unfinished).iterdir()):
            os.replace(path, out / path.name)
    typer.echo(f"vse: views and maps of {len(images)} images -> {out}")


def outputs_of(image: Path) -> tuple[str, str]:
    """The names of the view and of the map of an image."""
    return f"{image.stem}_view.png", f"{image.stem}_saliency.png"


def check_names(images: Sequence[Path], out: Path) -> None:
    """Refuse images whose results would overwrite each other or one of the images.

    Raises
    ------
    InputError
        Naming the images.
    """
    by_name: dict[str, list[Path]] = {}
    for image in images:
        by_name.setdefault(image.stem, []).append(image)
    if doubled := [path for group in by_name.values() if len(group) > 1 for path in group]:
        raise InputError(f"images of one name would overwrite each other's results: {listed(doubled)}; run them apart")
    written = {(out / name).resolve() for image in images for name in outputs_of(image)}
    if overwritten := [image for image in images if image.resolve() in written]:
        raise InputError(f"--out {out}: the results would overwrite {listed(overwritten)}; choose another folder")


def write_pngs(image: Path, folder: Path, params: VseParams) -> None:
    """Write the view and the map of one image into `folder`."""
    saliency = saliency_of_file(image, params)
    for name, pixels in zip(outputs_of(image), (saliency.view, saliency.map), strict=True):
        Image.fromarray(pixels).save(folder / name)


def _nearest_folder(out: Path) -> Path:
    nearest = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise InputError(f"--out {out}: {nearest} is a file; choose a folder")
    if not os.access(nearest, os.W_OK):
        raise InputError(f"--out {out}: {nearest} cannot be written to; choose another folder")
    return nearest
