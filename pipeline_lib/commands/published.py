"""Published figures: what a preset may say of them, and which of them belong to a study."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline_lib.common.errors import InputError, bad_value

TITLES = {"things-eeg2": "THINGS-EEG2", "things-meg": "THINGS-MEG"}
GALLERY_SIZE = 200
SAME_AS = {
    **{name: name for name in TITLES},
    "things-eeg2-17": "things-eeg2",
    "phantom": "things-eeg2",
    "phantom-meg": "things-meg",
}
PROTOCOLS = ("intra", "inter")

Pair = tuple[float | None, float | None]
Figures = Mapping[str, Mapping[str, Pair]]


def checked_figures(content: Any, where: Path) -> Figures:
    """The key ``published`` of a preset, once it is known to be sound.

    Parameters
    ----------
    content : mapping
        Study (a key of :data:`TITLES`) -> protocol (of :data:`PROTOCOLS`) -> ``[top-1, top-5]`` in percent, null where
        the paper does not say.
    where : Path
        The preset's file, for the error.

    Returns
    -------
    mapping
        The same, with tuples.

    Raises
    ------
    InputError
        If it is anything else.
    """
    figures: dict[str, dict[str, Pair]] = {}
    for study, protocols in _mapping(content, where, "published").items():
        if study not in TITLES:
            raise bad_value("a study of published", study, TITLES, where=str(where))
        figures[study] = {}
        for protocol, pair in _mapping(protocols, where, f"published.{study}").items():
            if protocol not in PROTOCOLS:
                raise bad_value(f"a protocol of published.{study}", protocol, PROTOCOLS, where=str(where))
            figures[study][protocol] = _pair(pair, where, f"published.{study}.{protocol}")
    return figures


def published_study(name: str, asked_for: str = "") -> str:
    """Which study's published figures belong beside results on the study `name`: a key of :data:`TITLES`, or none.

    Parameters
    ----------
    name : str
        ``study.name`` of params.yaml.
    asked_for : str
        What the user says; overrides the name. Defaults to nothing.
    """
    if asked_for and asked_for not in TITLES:
        raise bad_value("--published-as", asked_for, TITLES)
    return asked_for or SAME_AS.get(name, "")


def why_not_comparable(name: str, gallery_sizes: set[Any]) -> str:
    """Why results on the study `name`, among so many images, do not compare with published ones; empty if they do."""
    if name.startswith("phantom"):
        return f"the {name} study is synthetic"
    if other := gallery_sizes - {GALLERY_SIZE}:
        return f"ours are among {', '.join(sorted(map(str, other)))} images, the published among {GALLERY_SIZE}"
    return ""


def _mapping(content: Any, where: Path, name: str) -> Mapping[str, Any]:
    if not isinstance(content, dict) or not content:
        raise InputError(f"{where}: {name} is {content!r}, must be a mapping: study, protocol, [top-1, top-5]")
    return content


def _pair(pair: Any, where: Path, name: str) -> Pair:
    is_pair = isinstance(pair, list) and len(pair) == 2
    if not is_pair or not all(figure is None or _is_percent(figure) for figure in pair):
        raise bad_value(name, pair, "[top-1, top-5] in percent, null where unknown", where=str(where))
    return (pair[0], pair[1])


def _is_percent(figure: Any) -> bool:
    return isinstance(figure, int | float) and not isinstance(figure, bool) and 0 <= figure <= 100
