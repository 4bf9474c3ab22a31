"""`trialign check`: says in plain words what is wrong or missing before anything runs, and how to get it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline_lib.captioning.params import MODEL_SOURCES, CaptionParams
from pipeline_lib.captioning.prompts import prompt_named
from pipeline_lib.captioning.whereabouts import CARD, hub_name
from pipeline_lib.common.errors import InputError, bad_value, did_you_mean, listed
from pipeline_lib.common.params import Section, load_names, read_params, validated
from pipeline_lib.common.stimulus_table import SPLITS
from pipeline_lib.encoders.params import EncoderParams
from pipeline_lib.features.params import FeaturesParams
from pipeline_lib.objectives.params import LossParams
from pipeline_lib.objectives.terms import NEED_TEXT, check_adapter
from pipeline_lib.phantom.params import PhantomParams
from pipeline_lib.phantom.tiny_params import PhantomModelsParams
from pipeline_lib.recordings.channels import resolve_picks, rows_of_channels
from pipeline_lib.recordings.layouts import layout_of
from pipeline_lib.recordings.params import PreprocessParams, StudyParams
from pipeline_lib.retrieval.params import TEXT_GALLERIES, EvaluateParams
from pipeline_lib.stimuli.catalogue import read_catalogue
from pipeline_lib.stimuli.params import ViewsParams, VseParams
from pipeline_lib.training.bravl_params import BravlParams, check_bravl
from pipeline_lib.training.params import TargetParams, TrainParams

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
}
PHANTOM_MODELS = Path("data/models/phantom")
LISTS = ("phantoms", "phantom_roles", "subjects", "held_out", "seeds")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what, whether it is good, and in plain words why or what to do."""

    what: str
    good: bool
    say: str


def check(
    params_file: Annotated[Path, typer.Option(help="The parameters to check.")] = Path("params.yaml"),
) -> None:
    """Check params.yaml, the data and the weights; exit code 2 if something is missing or wrong."""
    findings = list(all_findings(params_file))
    for finding in findings:
        typer.echo(f"{'ok   ' if finding.good else 'WRONG'} {finding.what}: {finding.say}")
    if bad := sum(not finding.good for finding in findings):
        raise InputError(f"{bad} of {len(findings)} checks failed, see above")


def all_findings(params_file: Path) -> Iterator[Finding]:
    """Look at the parameters; where they are good, at the data and weights they name."""
    params = read_params(params_file)
    findings = [*check_sections(params, params_file), *check_lists(params, params_file)]
    yield from findings
    if all(finding.good for finding in findings):
        yield from check_consistency(params)
        yield from check_study(params)
        yield from check_weights(params)


def check_sections(params: dict[str, Any], params_file: Path) -> Iterator[Finding]:
    """Every section against its schema, and no section that nobody reads."""
    for name, schema in SECTIONS.items():
        yield _finding(f"section {name}", lambda name=name, schema=schema: validated(params, name, schema) and "valid")
    for name in set(params) - set(SECTIONS) - set(LISTS):
        hint = did_you_mean(name, [*SECTIONS, *LISTS]) or "remove it"
        yield Finding(f"section {name}", False, f"{params_file} holds it, but no stage reads it; {hint}")


def check_lists(params: dict[str, Any], params_file: Path) -> Iterator[Finding]:
    """The lists that make stages."""
    for name in LISTS:
        yield _finding(f"list {name}", lambda name=name: ", ".join(load_names(params_file, name)) or "empty")


def check_consistency(params: dict[str, Any]) -> Iterator[Finding]:
    """Values that are each allowed, but not together."""

    def held_out() -> str:
        if unknown := [name for name in params["held_out"] if name not in params["subjects"]]:
            raise bad_value("held_out", unknown[0], params["subjects"])
        if params["held_out"] and len(params["subjects"]) < 2:
            raise InputError("held_out needs at least two subjects; set it to []")
        return f"{len(params['held_out'])} inter-subject folds"

    def target() -> str:
        for key, made in (("view", "views"), ("gallery_view", "views"), ("layer", "layers")):
            names = params["target"][key] or []
            for name in [names] if isinstance(names, str) else names:
                if name not in params["features"][made]:
                    raise bad_value(f"target.{key}", name, params["features"][made], cure=f"add it to features.{made}")
        if "vse" in params["features"]["views"] and not params["vse"]["enabled"]:
            raise InputError("features.views holds 'vse', but vse.enabled is false; enable it or remove the view")
        view, layer = (
            name if isinstance(name, str) else "+".join(name)
            for name in (params["target"]["view"], params["target"]["layer"])
        )
        return f"{params['features']['model']} {view}/{layer}"

    def objectives() -> str:
        names = params["loss"]["objectives"]
        if params["caption"]["source"] == "none" and set(names) & set(NEED_TEXT):
            raise InputError(
                f"loss.objectives are {listed(names)}, but caption.source is 'none'; keep brain-image alone, "
                "or choose a caption source"
            )
        check_adapter(names, available=params["encoder"]["heads"]["text"] == "adapter")
        return listed(names)

    def galleries() -> str:
        names = params["evaluate"]["galleries"]
        if params["caption"]["source"] == "none" and (needing := sorted(set(names) & set(TEXT_GALLERIES))):
            raise InputError(f"evaluate.galleries: {listed(needing)} needs captions, but caption.source is 'none'")
        return listed(names)

    def bravl() -> str:
        names = ("bravl", "target", "encoder", "loss")
        check_bravl(*(validated(params, name, SECTIONS[name]) for name in names))
        return "trained in place of the contrastive model" if params["bravl"]["enabled"] else "not used"

    yield _finding("inter-subject folds", held_out)
    yield _finding("target", target)
    yield _finding("objectives", objectives)
    yield _finding("galleries", galleries)
    yield _finding("bravl", bravl)


def check_study(params: dict[str, Any]) -> Iterator[Finding]:
    """The study's recordings and images, by their tables; those of a phantom are made by its stage."""
    study = StudyParams.model_validate(params["study"])
    preprocess = PreprocessParams.model_validate(params["preprocess"])
    made = [Path("data/raw") / name for name in params["phantoms"]]
    if any(study.root.is_relative_to(folder) for folder in made) and not study.root.exists():
        yield Finding("recordings", True, f"{study.root} will be made by stage 'phantom'")
        return
    for name in params["subjects"]:
        yield _finding(f"recording of {name}", lambda name=name: _recording(study, preprocess, name))
    yield _finding("study.images", lambda: _existing(study.images, "set it to the folder of the image files"))
    yield _finding("study.stimuli", lambda: _images(study, params["evaluate"]["galleries"]))


def check_weights(params: dict[str, Any]) -> Iterator[Finding]:
    """The features' model, which is loaded to be sure, and fetched first where it is a hub's; the captions' source."""
    features = FeaturesParams.model_validate(params["features"])
    caption = CaptionParams.model_validate(params["caption"])
    is_phantom = bool(params["phantoms"])
    look = partial(_features_model, features=features, has_captions=caption.source != "none")
    yield _finding("features.model", lambda: _for_the_study(features.weights, is_phantom, look))
    if caption.source in MODEL_SOURCES:
        yield _finding("caption.path", lambda: _for_the_study(caption.path, is_phantom, lambda _: _captioner(caption)))
    elif caption.source == "label":
        yield _finding("caption.label_prompt", lambda: _label(caption))
    elif caption.source == "file":
        yield _finding("caption.path", lambda: _existing(caption.path, "set it to your caption table"))


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


def _for_the_study(folder: Path, is_phantom: bool, look: Callable[[Path], str]) -> str:
    if folder.is_relative_to(PHANTOM_MODELS) and not is_phantom:
        raise InputError(
            f"{folder} has only ever seen the phantom's drawn pictures, and is of no use for real ones; README says "
            "where weights come from"
        )
    return look(folder)


def _features_model(folder: Path, features: FeaturesParams, has_captions: bool) -> str:
    from pipeline_lib.features.supplied import is_supplied

    _existing(folder, "README says where weights come from and what the folder holds")
    if is_supplied(folder):
        return f"{folder}: supplied features"
    import torch

    from pipeline_lib.features.load import check_fit, load_model

    model = load_model(folder, torch.device("cpu"))
    check_fit(model, features.layers, has_captions=has_captions)
    return f"{folder}: {model.name} loads, {model.dim} dimensions"


def _captioner(caption: CaptionParams) -> str:
    if hub_name(caption.path):
        raise InputError(
            f"caption.path: {caption.path} is no folder here; if the hub has it, DVC still needs a file to depend on: "
            f"write 'hub: NAME' and 'revision: main' into weights/captioner/{CARD}, and set caption.path to "
            "weights/captioner"
        )
    from pipeline_lib.captioning.model_source import check_model

    return check_model(caption)


def _label(caption: CaptionParams) -> str:
    return prompt_named(caption.label_prompt, caption.prompts, key="caption.label_prompt")


def _existing(place: Path, cure: str) -> str:
    if not place.exists():
        raise InputError(f"{place} is missing; {cure}")
    return str(place)


def _finding(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except InputError as error:
        return Finding(what, False, str(error))
