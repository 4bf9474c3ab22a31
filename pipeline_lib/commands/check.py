"""`trialign check`: says in plain words what is wrong or missing before anything runs, and how to get it."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline_lib.analysis.params import AnalysisParams
from pipeline_lib.captioning.params import MODEL_SOURCES, CaptionParams
from pipeline_lib.captioning.prompts import prompt_named
from pipeline_lib.captioning.whereabouts import CARD, hub_name
from pipeline_lib.commands.consistency import PHANTOM_MODELS, check_consistency, check_models_are_real
from pipeline_lib.commands.findings import Finding, finding
from pipeline_lib.commands.machine import check_machine
from pipeline_lib.common.errors import InputError, bad_value, did_you_mean
from pipeline_lib.common.params import Section, load_names, read_params, validated
from pipeline_lib.common.stimulus_table import SPLITS
from pipeline_lib.encoders.params import EncoderParams
from pipeline_lib.features.params import FeaturesParams
from pipeline_lib.objectives.params import LossParams
from pipeline_lib.phantom.params import PhantomParams
from pipeline_lib.phantom.tiny_params import PhantomModelsParams
from pipeline_lib.recordings.channels import resolve_picks, rows_of_channels
from pipeline_lib.recordings.layouts import layout_of
from pipeline_lib.recordings.params import PreprocessParams, StudyParams
from pipeline_lib.reporting.params import ReportParams
from pipeline_lib.retrieval.params import EvaluateParams
from pipeline_lib.stimuli.catalogue import read_catalogue
from pipeline_lib.stimuli.params import ViewsParams, VseParams
from pipeline_lib.training.bravl_params import BravlParams
from pipeline_lib.training.params import TargetParams, TrainParams

PARAMS_FILE = Path("params.yaml")
SECTIONS: dict[str, type[Section]] = {
    "study": StudyParams,
    "phantom": PhantomParams,
    "phantom_models": PhantomModelsParams,
    "preprocess": PreprocessParams,
    "vse": VseParams,
    "views": ViewsParams,
    "caption": CaptionParams,
    "features": FeaturesParams,
    "target": TargetParams,
    "encoder": EncoderParams,
    "loss": LossParams,
    "bravl": BravlParams,
    "train": TrainParams,
    "evaluate": EvaluateParams,
    "analysis": AnalysisParams,
    "report": ReportParams,
}
PHANTOM_PLAYER = "slip-b16"  # plays all roles of the phantom study, as dvc.yaml has it
LISTS = ("phantoms", "phantom_roles", "subjects", "held_out", "seeds")


def check(
    params_file: Annotated[Path, typer.Option(help="The parameters to check.")] = PARAMS_FILE,
) -> None:
    """Check params.yaml, the data and the weights; exit code 2 if something is missing or wrong."""
    findings = list(all_findings(params_file))
    for found in findings:
        typer.echo(f"{'ok   ' if found.good else 'WRONG'} {found.what}: {found.say}")
    if bad := sum(not found.good for found in findings):
        raise InputError(f"{bad} of {len(findings)} checks failed, see above")


def all_findings(params_file: Path) -> Iterator[Finding]:
    """Look at the parameters; where they are good, at the data and weights they name."""
    params = read_params(params_file)
    findings = [*check_sections(params, params_file), *check_lists(params, params_file)]
    yield from findings
    if all(found.good for found in findings):
        yield from check_consistency(params)
        yield from check_machine(params)
        yield from check_study(params)
        yield from check_weights(params)


def check_sections(params: dict[str, Any], params_file: Path = PARAMS_FILE) -> Iterator[Finding]:
    """Every section against its schema, and no section that nobody reads."""
    for name, schema in SECTIONS.items():
        yield finding(f"section {name}", lambda name=name, schema=schema: validated(params, name, schema) and "valid")
    for name in set(params) - set(SECTIONS) - set(LISTS):
        hint = did_you_mean(name, [*SECTIONS, *LISTS]) or "remove it"
        yield Finding(f"section {name}", False, f"{params_file} holds it, but no stage reads it; {hint}")


def check_lists(params: dict[str, Any], params_file: Path) -> Iterator[Finding]:
    """The lists that make stages."""
    for name in LISTS:
        yield finding(f"list {name}", lambda name=name: ", ".join(load_names(params_file, name)) or "empty")


def check_study(params: dict[str, Any]) -> Iterator[Finding]:
    """The study's recordings and images, by their tables; those of a phantom are made by its stage."""
    study = StudyParams.model_validate(params["study"])
    preprocess = PreprocessParams.model_validate(params["preprocess"])
    made = [Path("data/raw") / name for name in params["phantoms"]]
    if any(study.root.is_relative_to(folder) for folder in made) and not study.root.exists():
        yield Finding("recordings", True, f"{study.root} will be made by stage 'phantom'")
        return
    for name in params["subjects"]:
        yield finding(f"recording of {name}", lambda name=name: _recording(study, preprocess, name))
    yield finding("study.images", lambda: _existing(study.images, "set it to the folder of the image files"))
    yield finding("study.stimuli", lambda: _images(study, params["evaluate"]["galleries"]))


def check_weights(params: dict[str, Any]) -> Iterator[Finding]:
    """The features' model, which is loaded to be sure, and fetched first where it is a hub's; the captions' source."""
    features = FeaturesParams.model_validate(params["features"])
    caption = CaptionParams.model_validate(params["caption"])
    study = StudyParams.model_validate(params["study"])
    real = {found.what: found for found in check_models_are_real(params)}
    looks: dict[str, Callable[[], str]] = {
        "features.model": lambda: _image_text_model(features, caption, study, params["phantom_roles"])
    }
    if caption.source in MODEL_SOURCES:
        looks["caption.path"] = lambda: _captioner(caption)
    elif caption.source == "label":
        looks["caption.label_prompt"] = lambda: _label(caption)
    elif caption.source == "file":
        looks["caption.path"] = lambda: _caption_table(caption.path, study)
    for what, look in looks.items():
        yield finding(what, look) if what not in real or real[what].good else real[what]


def _recording(study: StudyParams, preprocess: PreprocessParams, subject: str) -> str:
    runs = layout_of(study.layout).runs(study, subject)
    sessions, header, where = {run.session for run in runs}, runs[0].header(), str(runs[0].file)
    told = f"{len(runs)} recordings in {len(sessions)} sessions"
    if header.ch_names:  # else neither signal nor sidecar is there to name them
        picked = resolve_picks(preprocess.picks, preprocess.exclude, header, where=where)
        told += f", {len(rows_of_channels(picked, header.ch_names, where=where))} channels"
    return f"{study.root / subject}: {told}; see 'trialign inspect'"


def _images(study: StudyParams, galleries: list[str]) -> str:
    _existing(study.stimuli, "set it to what names the images; README says what that is for each layout")
    table = read_catalogue(study)
    if "class-center" in galleries and not len(table.of_split("center")):
        raise InputError(
            f"{study.stimuli}: evaluate.galleries has class-center, which needs other images of the test concepts "
            "(split center), and there are none; add them, or leave class-center out of evaluate.galleries"
        )
    counts = ", ".join(f"{len(table.of_split(split))} {split}" for split in SPLITS)
    return f"{study.stimuli}: {counts} images"


def _image_text_model(
    features: FeaturesParams, caption: CaptionParams, study: StudyParams, phantom_roles: Sequence[str]
) -> str:
    from pipeline_lib.features.supplied import check_asked, is_supplied, read_supplied

    folder = features.weights
    player = folder if folder.exists() else _player(folder, phantom_roles)
    if is_supplied(folder):
        check_asked(features, has_captions=caption.source != "none")
        if study.stimuli.exists():
            read_supplied(folder, read_catalogue(study))
        return f"{folder}: supplied features"
    import torch

    from pipeline_lib.features.load import check_fit, load_model

    model = load_model(player, torch.device("cpu"))
    check_fit(model, features.layers, has_captions=caption.source != "none")
    if player != folder:
        return f"{folder} will be made by stage 'phantom-roles', of {player}"
    return f"{folder}: {model.name} loads, {model.dim} dimensions"


def _player(folder: Path, phantom_roles: Sequence[str]) -> Path:
    """The model that will play a role of the phantom study, which stage `phantom-roles` has not handed to it yet."""
    if folder.parent != PHANTOM_MODELS:
        raise InputError(f"{folder} is missing; README says where weights come from and what the folder holds")
    player = PHANTOM_MODELS / PHANTOM_PLAYER
    _existing(player, "bring it back with 'git restore', or train it anew with 'dvc repro phantom-models'")
    if folder.name not in phantom_roles:
        raise bad_value("features.model", folder.name, [PHANTOM_PLAYER, *phantom_roles], cure="add it to phantom_roles")
    return player


def _caption_table(path: Path, study: StudyParams) -> str:
    from pipeline_lib.captioning.sources import file_captions, read_named

    names, _ = read_named(path)
    if study.stimuli.exists():
        file_captions(path, read_catalogue(study))
    return f"{path}: {len(names)} captions"


def _captioner(caption: CaptionParams) -> str:
    if hub_name(caption.path):
        raise InputError(
            f"caption.path: {caption.path} is no folder here; if the hub has it, DVC still needs a file to depend on: "
            f"write 'hub: {caption.path}' into weights/captioner/{CARD}, and set caption.path to weights/captioner"
        )
    from pipeline_lib.captioning.model_source import check_model

    return check_model(caption)


def _label(caption: CaptionParams) -> str:
    return prompt_named(caption.label_prompt, caption.prompts, key="caption.label_prompt")


def _existing(place: Path, cure: str) -> str:
    if not place.exists():
        raise InputError(f"{place} is missing; {cure}")
    return str(place)
