"""A miniature of the phantom study on which every system trains within seconds; its stages are called as functions."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from pipeline_lib.commands.params_edit import with_values
from pipeline_lib.commands.preset import read_preset
from stages import caption, evaluate, features, phantom, preprocess, stimuli, train, vse
from tests.pipeline.conftest import merge

SUBJECT = "sub-01"
SMALL = {
    "subjects": [SUBJECT],
    "held_out": [],
    "phantom": {
        "subjects": 1,
        "image_size": 64,
        "train_concepts": 100,
        "train_images": 3,
        "test_concepts": 20,
        "center_images": 1,
        "sessions": 1,
        "test_repeats": 6,
        "snr": 8.0,
    },
    "preprocess": {"picks": "visual-17"},
    "vse": {"size": 64},
    "train": {"epochs": 12, "batch_size": 64, "learning_rate": 0.001, "validation": {"size": 30}},
    "evaluate": {"bootstrap": 0, "permutations": 1000},
}


class SmallStudy:
    """Makes what a system needs, each thing once, in a folder of its own.

    Parameters
    ----------
    folder : Path
    params : dict
        As shipped.
    models : Path
        The phantom's tiny models.
    """

    def __init__(self, folder: Path, params: dict[str, Any], models: Path) -> None:
        self.folder, self.params = folder, deepcopy(params)
        merge(self.params, SMALL)
        raw = folder / "raw"
        paths = {"root": str(raw), "images": str(raw / "image_set"), "stimuli": str(raw / "image_set")}
        merge(self.params, {"study": paths, "caption": {"path": str(models / "blip2")}})
        self._models = models
        self._made: dict[str, Path] = {}
        whole = self._written("study", self.params)
        phantom.main(out=raw, params_file=whole)
        self.images, self.stimuli, self.views = raw / "image_set", folder / "stimuli.csv", folder / "vse.zarr.zip"
        stimuli.main(out=self.stimuli, params_file=whole)
        vse.main(stimuli=self.stimuli, images=self.images, out=self.views, params_file=whole)

    def of_system(self, name: str, **changes: Any) -> dict[str, Any]:
        """The small study's parameters with a system's preset on top."""
        params = with_values(self.params, read_preset(name).values, where="params.yaml")
        # The role is played by the tiny SLIP, here without an alias.
        merge(params, {"features": {"models": str(self._models), "model": "slip-b16"}})
        merge(params, changes)
        return params

    def metrics(self, name: str, params: dict[str, Any]) -> dict[str, Any]:
        """Train and evaluate; the content of retrieval.json."""
        written, home = self._written(name, params), self.folder / name
        epochs, bank = self._epochs(params), self._features(params)
        out = home / "runs" / "intra" / f"{SUBJECT}-seed0"
        store = epochs / f"{SUBJECT}.zarr.zip"
        train.main(
            subject=SUBJECT, seed=0, epochs=store, features=bank, stimuli=self.stimuli, out=out, params_file=written
        )
        evaluate.main(
            runs=home / "runs", epochs=epochs, features=bank, stimuli=self.stimuli, out=home, params_file=written
        )
        return json.loads((home / "retrieval.json").read_text(encoding="utf-8"))

    def _epochs(self, params: dict[str, Any]) -> Path:
        folder, is_new = self._place("epochs", params["preprocess"])
        if is_new:
            out, quality = folder / f"{SUBJECT}.zarr.zip", folder / "quality.json"
            written = self._written(folder.name, params)
            preprocess.main(subject=SUBJECT, stimuli=self.stimuli, out=out, quality=quality, params_file=written)
        return folder

    def _captions(self, params: dict[str, Any]) -> Path:
        folder, is_new = self._place("captions", params["caption"])
        if is_new:
            written = self._written(folder.name, params)
            caption.main(stimuli=self.stimuli, images=self.images, out=folder / "captions.csv", params_file=written)
        return folder / "captions.csv"

    def _features(self, params: dict[str, Any]) -> Path:
        folder, is_new = self._place("features", {name: params[name] for name in ("caption", "features")})
        if is_new:
            features.main(
                stimuli=self.stimuli,
                images=self.images,
                views=self.views,
                captions=self._captions(params),
                out=folder / "bank.h5",
                params_file=self._written(folder.name, params),
            )
        return folder / "bank.h5"

    def _place(self, kind: str, depends_on: Any) -> tuple[Path, bool]:
        """A folder for what depends on some parameters alone, and whether there is nothing in it yet."""
        key = f"{kind} {json.dumps(depends_on, sort_keys=True)}"
        is_new = key not in self._made
        place = self._made.setdefault(key, self.folder / f"{kind}-{len(self._made)}")
        place.mkdir(exist_ok=True)
        return place, is_new

    def _written(self, name: str, params: dict[str, Any]) -> Path:
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(params), encoding="utf-8")
        return path
