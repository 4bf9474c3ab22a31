"""How fast features are extracted: against the bare model's forward pass, and against one image at a time.

    python -m benchmarks.features                    # some minutes; rewrites benchmarks/figures/features.json
    python -m benchmarks.features --quick --json -   # a minute, one thread; on the GPU where there is one

The model is open_clip's ViT-B/32 with random weights. Four ways to encode the same pictures take turns: the bare image
tower on batches that were prepared before the clock starts; the pipeline, from the files to a feature bank; the
pipeline with a caption of each image, ten images to a caption as in THINGS; and the loop that is usual elsewhere, which
opens and encodes one picture after the other, and its caption again each time.

All times are medians, by the clock and, in case other processes disturb, in processor time; the ratios say how many
times as fast the pipeline is. The last line on standard output is all figures as one JSON object; what is being done
goes to standard error.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import cv2
import numpy as np
import typer

from benchmarks.interleaved import interleaved
from benchmarks.reporting import ROOT, rounded, say, surroundings, write_figures
from pipeline_lib.common.cli import run_stage
from pipeline_lib.common.device import pick_device, use_threads

LIBRARIES = ("torch", "open_clip_torch", "h5py", "pillow")
FIGURES = ROOT / "benchmarks" / "figures" / "features.json"
SIDE = 500  # pixels of a picture; those of THINGS-EEG2 are as large
PER_CAPTION = 10


@dataclass(frozen=True)
class Size:
    """How much is measured, with how many threads of the CPU."""

    images: int
    batch_size: int
    rounds: int
    threads: int
    seconds: float = inf  # after which no further round begins
    architecture: str = "ViT-B-32"


CORES = min(2, len(os.sched_getaffinity(0)))
FULL, QUICK = Size(128, 32, rounds=7, threads=CORES), Size(32, 16, rounds=3, threads=1, seconds=40)
ON_GPU = Size(4096, 128, rounds=5, threads=8)


def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="A few pictures.")] = False,
    report: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file; - for none.")] = None,
    scratch: Annotated[Path | None, typer.Option(help="Where to write pictures; removed afterwards.")] = None,
) -> None:
    """Measure feature extraction on this machine."""
    figures: dict[str, Any] = {"benchmark": "features", "quick": quick, **surroundings(LIBRARIES)}
    with TemporaryDirectory(prefix="trialign-benchmark-", dir=scratch) as folder:
        figures |= features_figures(QUICK if quick else FULL, Path(folder), "auto" if quick else "cpu")
        if not quick and pick_device("auto").type == "cuda":
            figures["gpu"] = features_figures(ON_GPU, Path(folder), "cuda")
    write_figures(figures, report or (None if quick else FIGURES))


def features_figures(size: Size, folder: Path, device: str) -> dict[str, Any]:
    """Images per second of the four ways, and how far apart their features are."""
    use_threads(size.threads)
    say(f"writing {size.images} pictures to {folder}, {size.architecture} on {device}")
    study = Study(folder, size, load(size, device))
    ways = {
        "bare": study.bare(),
        "pipeline": lambda: study.pipeline(captions=False),
        "pipeline_with_captions": lambda: study.pipeline(captions=True),
        "one_at_a_time": study.one_at_a_time,
    }
    features: dict[str, np.ndarray] = {}
    say("taking turns")
    times = interleaved(
        {name: _kept(features, name, way) for name, way in ways.items()}, size.rounds, seconds=size.seconds
    )
    described = {**asdict(size), "device": study.model.device.type, "picture": SIDE}
    return {
        "of": {name: value for name, value in described.items() if name != "seconds"},
        "images_per_s": {name: rounded(size.images / found.figures()["seconds"]) for name, found in times.items()},
        "over_bare": times["bare"].over(times["pipeline"]),
        "over_one_at_a_time": times["one_at_a_time"].over(times["pipeline_with_captions"]),
        "largest_difference": rounded(max(_apart(features["bare"], features[name]) for name in ways)),
    }


@dataclass(frozen=True)
class Study:
    """Pictures on the disk, and a model that looks at them."""

    folder: Path
    size: Size
    model: Any

    def __post_init__(self) -> None:
        write_pictures(self.folder, self.size.images)

    @property
    def files(self) -> list[Path]:
        """The pictures, in the order of their numbers."""
        return [self.folder / name for name in self.names]

    @property
    def names(self) -> list[str]:
        """Of the pictures."""
        return [f"{number:05d}.jpg" for number in range(self.size.images)]

    @property
    def captions(self) -> list[str]:
        """Of the pictures."""
        return [f"a photo of thing number {number // PER_CAPTION}" for number in range(self.size.images)]

    def bare(self) -> Callable[[], np.ndarray]:
        """The image tower on the pipeline's own batches, prepared here and now."""
        import torch

        from pipeline_lib.common.batches import batched
        from pipeline_lib.stimuli.images import read_image

        batches = [
            self.model.preprocess([read_image(file) for file in part]).to(self.model.device)
            for part in batched(self.files, self.size.batch_size)
        ]

        def forward() -> np.ndarray:
            with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
                return torch.cat([self.model.network.encode_image(pixels) for pixels in batches]).cpu().numpy()

        return forward

    def pipeline(self, *, captions: bool) -> np.ndarray:
        """As stage `features` does it: decoded ahead, kept batch by batch, written to a bank."""
        from pipeline_lib.common.processes import ALONE
        from pipeline_lib.features.bank import open_bank
        from pipeline_lib.features.computing import Job, compute, rows
        from pipeline_lib.features.filling import write_bank
        from pipeline_lib.features.parts import Parts
        from pipeline_lib.features.source import FeatureSource

        texts = self.captions if captions else []
        with self._room() as room:
            job = Job(self.model, self._shown(), ("final",), texts, self.size.batch_size)
            parts = Parts(room / "bank.h5", {})
            places, _ = compute(job, parts, ALONE)
            write_bank(room / "bank.h5", self.names, FeatureSource({}, rows(job, parts, places)), dtype="float32")
            parts.discard()
            with open_bank(room / "bank.h5") as bank:
                return bank.read("raw/final", self.names)

    def one_at_a_time(self) -> np.ndarray:
        """One picture after the other, each with its caption."""
        from pipeline_lib.stimuli.images import read_image

        found = []
        for file, caption in zip(self.files, self.captions, strict=True):
            found.append(self.model.encode_images(self.model.preprocess([read_image(file)])).numpy())
            self.model.encode_texts([caption])
        return np.concatenate(found)

    def _shown(self) -> Any:
        import pandas as pd

        from pipeline_lib.common.params import load_section
        from pipeline_lib.common.stimulus_table import StimulusTable
        from pipeline_lib.features.shown import ShownImages
        from pipeline_lib.stimuli.params import ViewsParams

        table = StimulusTable(pd.DataFrame({"image_id": self.names, "file": self.names}))
        views = load_section(ROOT / "params.yaml", "views", ViewsParams)
        return ShownImages(self.model, ("raw",), table, images=self.folder, store=self.folder, params=views)

    @contextmanager
    def _room(self) -> Iterator[Path]:
        room = self.folder / "room"
        room.mkdir()
        try:
            yield room
        finally:
            shutil.rmtree(room)


def load(size: Size, device: str) -> Any:
    """The architecture with random weights."""
    import open_clip
    import torch

    from pipeline_lib.features.card import ImageSettings
    from pipeline_lib.features.models import ImageTextModel

    torch.manual_seed(0)
    place = pick_device(device)
    network = open_clip.create_model(size.architecture, device=place).eval()
    mean, std = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD
    settings = ImageSettings(image_size=network.visual.image_size[0], mean=mean, std=std, interpolation="bicubic")
    tokenize = open_clip.get_tokenizer(size.architecture)
    dim = open_clip.get_model_config(size.architecture)["embed_dim"]
    return ImageTextModel(size.architecture, network, tokenize, settings, dim, place)


def write_pictures(folder: Path, count: int) -> None:
    """JPEG files of soft blobs, each another."""
    rng = np.random.default_rng(0)
    for number in range(count):
        coarse = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{number:05d}.jpg"), cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))


def _kept(features: dict[str, np.ndarray], name: str, way: Callable[[], np.ndarray]) -> Callable[[], None]:
    def run() -> None:
        features[name] = way()

    return run


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).max())


if __name__ == "__main__":
    run_stage(main)
