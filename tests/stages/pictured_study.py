"""A study whose pictures a test chooses, and the three stages that look at pictures."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import yaml
from PIL import Image

import stages.caption
import stages.features
import stages.vse
from pipeline_lib.captioning.table import caption_table, write_captions
from pipeline_lib.common.stimulus_table import COLUMNS
from tests.captioning.tiny_blip2 import write_blip2
from tests.features.tiny_models import slip_state, write_slip

MADE_VIEWS = ["blur-low", "blur-medium", "blur-high", "lowres", "mosaic", "noise"]
STAGES = ("vse", "features", "caption")


class Saved(NamedTuple):
    """A picture, and how Pillow is to save it."""

    image: Image.Image
    kind: str
    options: Mapping[str, Any] = {}


def write_models(folder: Path) -> None:
    """An image-text model and a captioner, both tiny."""
    write_slip(folder / "slip", slip_state())
    write_blip2(folder / "blip2")


def write_table(folder: Path, names: Sequence[str]) -> None:
    """``stimuli.csv`` and ``none.csv``, a table of no captions; all files are called .jpg, whatever they hold."""
    rows = [(f"train/{name}", f"train/{name}.jpg", name, "train", code) for code, name in enumerate(names, 1)]
    (folder / "images" / "train").mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(folder / "stimuli.csv", index=False)
    write_captions(caption_table([], [], source="none"), folder / "none.csv")


def write_study(folder: Path, pictures: Mapping[str, Saved | bytes]) -> Path:
    """A folder that :func:`run_stage_of` takes; pictures are saved, bytes are written as they are."""
    write_table(folder, list(pictures))
    for name, picture in pictures.items():
        path = folder / "images" / "train" / f"{name}.jpg"
        if isinstance(picture, bytes):
            path.write_bytes(picture)
        else:
            picture.image.save(path, picture.kind, **picture.options)
    return folder


def run_stage_of(stage: str, folder: Path, models: Path, params: dict[str, Any], **changes: Any) -> Path:
    """Run a stage on a study, with changes of its section; its output's path.

    For stage ``features`` the views are the raw picture and all that are made.
    """
    settings = {
        "vse": {"size": 48},
        "features": {"models": str(models), "model": "slip", "device": "cpu", "views": ["raw", *MADE_VIEWS]},
        "caption": {"source": "blip2", "path": str(models / "blip2"), "device": "cpu"},
    }
    params[stage] |= settings[stage] | changes
    file = folder / f"params-{stage}.yaml"
    file.write_text(yaml.safe_dump(params))
    common = {"stimuli": folder / "stimuli.csv", "images": folder / "images", "params_file": file}
    out = folder / "out" / {"vse": "vse.zarr.zip", "features": "slip.h5", "caption": "captions.csv"}[stage]
    inputs = {"views": folder / "nowhere", "captions": folder / "none.csv"} if stage == "features" else {}
    _main(stage)(**common, **inputs, out=out)
    return out


def _main(stage: str) -> Callable[..., None]:
    return {"vse": stages.vse.main, "features": stages.features.main, "caption": stages.caption.main}[stage]
