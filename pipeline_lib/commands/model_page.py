"""The page of `trialign model show`."""

from collections import Counter
from collections.abc import Iterator, Mapping
from json import dumps
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

UNKNOWN = "not recorded"


def print_page(found: Mapping[str, Any]) -> None:
    """Print what :func:`pipeline_lib.commands.model.described` gave."""
    about = Table("model", box=SIMPLE_HEAD)
    about.add_column(Text(printable(found["folder"])), overflow="fold")
    for name, value in _rows(found):
        about.add_row(name, Text(printable(value)))  # plain text: names may look like markup
    console = Console()
    console.print(about)
    console.print(_sessions(found))


def _rows(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "what", _what(found)
    yield "weights", f"{found['weights']['parameters']:,} parameters, {found['weights']['bytes'] / 1e6:.1f} MB"
    yield "channels", _channels(found)
    yield "signal", _signal(found)
    yield from _preprocessing(found)
    yield "target", _target(found)
    yield from _image_model(found["features"])
    loss = found["params"]["loss"]
    yield "objectives", f"{', '.join(loss['objectives'])}; balancer {loss['balancer']}"
    yield "versions", ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    yield "validation", _validation(found["metrics"])
    if found["test_metrics"]:
        yield "test", f"rows of stage evaluate in {found['test_metrics']}"


def _what(found: Mapping[str, Any]) -> str:
    people = ", ".join(found["trained_on"])
    left_out = f", without {found['subject']}" if found["protocol"] == "inter" else ""
    encoder = found["params"]["encoder"]["name"]
    run = f"seed {found['seed']}, best epoch {found['best_epoch']}"
    return f"{found['protocol']}-subject model of {people}{left_out}; {found['kind']} with encoder {encoder}; {run}"


def _channels(found: Mapping[str, Any]) -> str:
    types = ", ".join(f"{count} {kind}" for kind, count in Counter(found["ch_types"]).items()) or f"types {UNKNOWN}"
    return f"{len(found['ch_names'])} ({types}): {' '.join(found['ch_names'])}"


def _signal(found: Mapping[str, Any]) -> str:
    if found["window"] is None:
        return "no time axis"
    start, stop = found["window"]
    return f"{found['sfreq']:g} Hz, {start:g} to {stop:g} s from onset, {found['shapes']['n_times']} samples"


def _preprocessing(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    treated = found["preprocessing"]
    yield "layout", str(treated.get("layout") or UNKNOWN)
    yield "preprocess", _settings(treated.get("preprocess"))
    yield "whitening", found["whitening"]


def _target(found: Mapping[str, Any]) -> str:
    views, layers = _names(found["target_view"]), _names(found["target_layer"])
    several = f" ({found['target_views']} of them)" if isinstance(found["target_view"], list) else ""
    searched = _names(found["gallery_view"])
    return f"view {views}{several}, layer {layers}, scale {found['feature_scale']}; galleries of view {searched}"


def _image_model(features: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    role, folder = (features.get(name) or UNKNOWN for name in ("model", "models"))
    yield "image model", f"{role} ({features.get('architecture') or UNKNOWN}); folder of models: {folder}"
    yield "revision", str(features.get("revision") or UNKNOWN)
    yield "images as", f"{features.get('preprocessing') or UNKNOWN}; features {features.get('dtype') or UNKNOWN}"
    for section in ("vse", "views"):
        if features.get(section):
            yield f"section {section}", _settings(features[section])


def _validation(metrics: Mapping[str, Any]) -> str:
    """Such as ``loss 3.1; top-1 0.20, top-5 0.55 of 60 images (60 samples; chance 0.017, 0.083)``."""
    said = f"loss {metrics['loss']:.4g}" if "loss" in metrics else UNKNOWN
    if not {"top1", "top5", "n", "samples"} <= metrics.keys() or metrics["n"] < 1:
        return said
    n_images = metrics["n"]
    chance = f"chance {1 / n_images:.3f}, {min(5, n_images) / n_images:.3f}"
    accuracy = f"top-1 {metrics['top1']:.3f}, top-5 {metrics['top5']:.3f} of {n_images} images"
    return f"{said}; {accuracy} ({metrics['samples']} samples; {chance})"


def _sessions(found: Mapping[str, Any]) -> Table:
    """Whose sessions were whitened with what: the condition of the noise covariance tells how far from white it was."""
    table = Table("subject", "session", "condition of Σ", "z-scored", "files", box=SIMPLE_HEAD)
    for subject, fitted in found["fitted"].items():
        for number, session in fitted["sessions"].items():
            condition = "not whitened" if session["condition"] is None else f"{session['condition']:.4g}"
            standardized = "yes" if fitted["standardized"] else "no"
            cells = (subject, number, condition, standardized, ", ".join(session["files"]) or UNKNOWN)
            table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


def _settings(section: Any) -> str:
    return ", ".join(f"{name} {value}" for name, value in _leaves(section, "")) if section else UNKNOWN


def _leaves(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _leaves(part, f"{name}.{key}" if name else str(key))
    else:
        yield name, "off" if value is None else value if isinstance(value, str) else dumps(value)


def _names(names: str | list[str]) -> str:
    return names if isinstance(names, str) else " + ".join(names)


def printable(text: str) -> str:
    """Without what would steer the terminal: a folder may come from anywhere."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
