"""How fast saliency views are made: from files to the store, the extraction alone, and against plain numpy and scipy.

    python -m benchmarks.vse                        # minutes; rewrites benchmarks/figures/vse.json
    python -m benchmarks.vse --quick --json -       # half a minute

The plain version is the tests' own: the same equations in float64, written independently. All times are medians of
rounds taken in turns, by the clock and, because other processes disturb that, in processor time. The last line on
standard output is all figures as one JSON object; what is being done goes to standard error.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from numpy import ndarray

from benchmarks.interleaved import Times, interleaved
from benchmarks.processes import scratch_folder
from benchmarks.reporting import ROOT, rounded, say, surroundings, write_figures
from pipeline_lib.common.cli import run_stage
from pipeline_lib.common.params import load_section
from pipeline_lib.stimuli.extraction import in_threads, write_views
from pipeline_lib.stimuli.images import load_image
from pipeline_lib.stimuli.params import VseParams
from pipeline_lib.stimuli.saliency import Saliency
from pipeline_lib.stimuli.vse import extract_saliency
from tests.stimuli.plain_vse import plain_antagonism, plain_saliency

LIBRARIES = ("numpy", "scipy", "opencv-python-headless", "pillow", "zarr")
FIGURES = ROOT / "benchmarks" / "figures" / "vse.json"
SIDE, LARGE = 224, 500  # pixels; THINGS' pictures have 500 and more
THREADS = min(2, len(os.sched_getaffinity(0)))


@dataclass(frozen=True)
class Size:
    """How much is measured; the plain version is given fewer pictures in a round."""

    images: int
    plain_images: int
    rounds: int
    seconds: float


FULL, QUICK = Size(images=160, plain_images=40, rounds=15, seconds=240), Size(32, 8, 5, 20)


def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Few pictures, few rounds.")] = False,
    report: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file; - for none.")] = None,
    scratch: Annotated[Path | None, typer.Option(help="Where to write pictures; removed afterwards.")] = None,
) -> None:
    """Measure the saliency extraction on this machine."""
    figures = {"benchmark": "vse", "quick": quick, **surroundings(LIBRARIES)}
    with scratch_folder(scratch) as folder:
        figures |= vse_figures(QUICK if quick else FULL, folder)
    write_figures(figures, report or (None if quick else FIGURES))


def vse_figures(size: Size, folder: Path) -> dict[str, Any]:
    """Images per second of every way, how much faster ours is, and by how many grey levels the two differ."""
    params = resized_to(load_section(ROOT / "params.yaml", "vse", VseParams), SIDE)
    say(f"writing {size.images} pictures of {SIDE} and {LARGE} pixels to {folder}")
    small, large = (write_pictures(folder / str(side), size.images, side) for side in (SIDE, LARGE))
    pictures = [load_image(file, SIDE) for file in small]
    few = pictures[: size.plain_images]
    cases = {
        "files": lambda: stored(small, folder, params),
        f"files_{LARGE}_px": lambda: stored(large, folder, params),
        "extraction": lambda: extracted(extract_saliency, pictures, params),
        "plain": lambda: extracted(plain_extraction, few, params),
    }
    say(f"measuring {', '.join(cases)} in turns")
    times = interleaved(cases, size.rounds, seconds=size.seconds)
    counts = dict.fromkeys(cases, size.images) | {"plain": size.plain_images}
    return {**summary(times, counts), "max_difference": largest_difference(few, params)}


def resized_to(params: VseParams, side: int) -> VseParams:
    """The shipped settings, for pictures of `side` pixels."""
    return params.model_copy(update={"enabled": True, "size": side})


def summary(times: dict[str, Times], counts: dict[str, int]) -> dict[str, Any]:
    """Figures per image, from those of each round's `counts` images."""
    ways = {name: per_image(found, counts[name]) for name, found in times.items()}
    ours, plain = ways["extraction"], ways["plain"]
    return {
        "side": SIDE,
        "threads": THREADS,
        "images_per_second": ours["images_per_second"],
        "images_per_second_from_files": ways["files"]["images_per_second"],
        "processor_ms_per_image": ours["processor_ms_per_image"],
        "speedup": rounded(ours["images_per_second"] / plain["images_per_second"]),
        "processor_speedup": rounded(plain["processor_ms_per_image"] / ours["processor_ms_per_image"]),
        "ways": ways,
    }


def per_image(times: Times, images: int) -> dict[str, float]:
    """Medians of the rounds; and what so much processor time would give if no other process took any."""
    medians = times.figures()
    processor = medians["processor_seconds"] / images
    return {
        "images_per_second": rounded(images / medians["seconds"]),
        "processor_ms_per_image": rounded(1000 * processor),
        "images_per_second_undisturbed": rounded(THREADS / processor),
        "images": images,
        "rounds": medians["rounds"],
    }


def stored(files: Sequence[Path], folder: Path, params: VseParams) -> None:
    """As stage `vse` does it: decoded, resized, extracted, compressed and packed."""
    names = [file.stem for file in files]
    for _ in write_views(folder / "views.zarr.zip", names, files, params, threads=THREADS):
        pass


def extracted(
    function: Callable[[ndarray, VseParams], Saliency], pictures: Sequence[ndarray], params: VseParams
) -> None:
    """Views of pictures that are decoded already."""
    for _ in in_threads(lambda rgb: function(rgb, params), pictures, threads=THREADS):
        pass


def plain_extraction(rgb: ndarray, params: VseParams) -> Saliency:
    """The same equations in numpy and scipy.ndimage, float64."""
    weight = plain_antagonism(plain_saliency(rgb, params), params)
    view, level = np.rint(rgb * weight[..., None]), np.rint(255 * weight)
    return Saliency(view=view.astype(np.uint8), map=level.astype(np.uint8))


def largest_difference(pictures: Sequence[ndarray], params: VseParams) -> int:
    """Of all pixels of views and maps, ours against the plain ones, in grey levels."""
    largest = 0
    for rgb in pictures:
        ours, plain = extract_saliency(rgb, params), plain_extraction(rgb, params)
        for found, expected in ((ours.view, plain.view), (ours.map, plain.map)):
            largest = max(largest, int(np.abs(found.astype(int) - expected).max()))
    return largest


def write_pictures(folder: Path, count: int, side: int) -> list[Path]:
    """JPEG files of coloured shapes with fine structure on them, each another."""
    folder.mkdir(parents=True)
    rng, files = np.random.default_rng(side), []
    for number in range(count):
        coarse = rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)
        smooth = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
        fine = rng.normal(0, 8, (side, side, 1))
        files.append(folder / f"{number:04d}.jpg")
        cv2.imwrite(str(files[-1]), np.clip(smooth + fine, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return files


if __name__ == "__main__":
    run_stage(main)
