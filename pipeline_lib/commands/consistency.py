"""Values of params.yaml that are each allowed, but not together; neither data nor weights are looked at."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pipeline_lib.captioning.params import MODEL_SOURCES
from pipeline_lib.commands.findings import Finding, finding
from pipeline_lib.common.errors import InputError, bad_value, listed
from pipeline_lib.common.params import validated
from pipeline_lib.encoders.params import EncoderParams
from pipeline_lib.objectives.params import LossParams
from pipeline_lib.objectives.terms import NEED_TEXT, check_adapter
from pipeline_lib.retrieval.params import TEXT_GALLERIES
from pipeline_lib.training.bravl_params import BravlParams, check_bravl
from pipeline_lib.training.params import TargetParams

PHANTOM_MODELS = Path("data/models/phantom")
# What the layouts that are of one kind hold.
MODALITIES = {
    "things-eeg2": "eeg",
    "things-eeg2-preprocessed": "eeg",
    "things-eeg2-bids": "eeg",
    "things-meg-bids": "meg",
    "things-meg-epochs": "meg",
}
CHANNELS = {"visual-17": "eeg", "eeg": "eeg", "meg": "meg"}


def check_consistency(params: dict[str, Any]) -> Iterator[Finding]:
    """Values that exclude each other, where each section is valid by itself."""
    looks: dict[str, Callable[[dict[str, Any]], str]] = {
        "inter-subject folds": _held_out,
        "channels": _channels,
        "target": _target,
        "objectives": _objectives,
        "galleries": _galleries,
        "bravl": _bravl,
    }
    for what, look in looks.items():
        yield finding(what, partial(look, params))


def check_models_are_real(params: dict[str, Any]) -> Iterator[Finding]:
    """The phantom's models, which have seen drawn pictures alone, are for phantoms."""
    models = {"features.model": Path(params["features"]["models"])}
    if params["caption"]["source"] in MODEL_SOURCES:
        models["caption.path"] = Path(params["caption"]["path"])
    for what, folder in models.items():
        yield finding(what, partial(_for_the_study, folder, is_phantom=bool(params["phantoms"])))


def _for_the_study(folder: Path, *, is_phantom: bool) -> str:
    if folder.is_relative_to(PHANTOM_MODELS) and not is_phantom:
        raise InputError(
            f"{folder} has only ever seen the phantom's drawn pictures, and is of no use for real ones; README says "
            "where weights come from"
        )
    return str(folder)


def _held_out(params: dict[str, Any]) -> str:
    for name in params["held_out"]:
        if name not in params["subjects"]:
            raise bad_value("held_out", name, params["subjects"])
    if params["held_out"] and len(params["subjects"]) < 2:
        raise InputError("held_out needs at least two subjects; set it to []")
    return f"{len(params['held_out'])} inter-subject folds"


def _channels(params: dict[str, Any]) -> str:
    picks, layout = params["preprocess"]["picks"], params["study"]["layout"]
    asked, there = CHANNELS.get(picks) if isinstance(picks, str) else None, MODALITIES.get(layout)
    if asked and there and asked != there:
        raise InputError(
            f"preprocess.picks is {picks!r}, which are {asked.upper()} channels, but study.layout {layout} holds "
            f"{there.upper()}; set it to all, or put the study's preset behind the system's"
        )
    return picks if isinstance(picks, str) else listed(picks)


def _target(params: dict[str, Any]) -> str:
    for key, made in (("view", "views"), ("gallery_view", "views"), ("layer", "layers")):
        names = params["target"][key] or []
        for name in [names] if isinstance(names, str) else names:
            if name not in params["features"][made]:
                cure = f"add it to features.{made}"
                raise bad_value(f"target.{key}", name, params["features"][made], cure=cure)
    if "vse" in params["features"]["views"] and not params["vse"]["enabled"]:
        raise InputError("features.views holds 'vse', but vse.enabled is false; enable it or remove the view")
    view, layer = (
        name if isinstance(name, str) else "+".join(name)
        for name in (params["target"]["view"], params["target"]["layer"])
    )
    return f"{params['features']['model']} {view}/{layer}"


def _objectives(params: dict[str, Any]) -> str:
    names = params["loss"]["objectives"]
    if params["caption"]["source"] == "none" and set(names) & set(NEED_TEXT):
        raise InputError(
            f"loss.objectives are {listed(names)}, but caption.source is 'none'; keep brain-image alone, "
            "or choose a caption source"
        )
    check_adapter(names, available=params["encoder"]["heads"]["text"] == "adapter")
    return listed(names)


def _galleries(params: dict[str, Any]) -> str:
    names = params["evaluate"]["galleries"]
    if params["caption"]["source"] == "none" and (spoken := [name for name in names if name in TEXT_GALLERIES]):
        raise InputError(
            f"evaluate.galleries holds {listed(spoken)}, but caption.source is 'none'; leave it out, or choose a "
            "caption source"
        )
    return listed(names)


def _bravl(params: dict[str, Any]) -> str:
    schemas = {"bravl": BravlParams, "target": TargetParams, "encoder": EncoderParams, "loss": LossParams}
    check_bravl(*(validated(params, name, schema) for name, schema in schemas.items()))
    return "trained in place of the contrastive model" if params["bravl"]["enabled"] else "not used"
