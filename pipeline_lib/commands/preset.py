"""Command `trialign preset`: named sets of parameters, printed as options or written to params.yaml.

    dvc exp run $(trialign preset mcdb)

A preset is a file in pipeline_lib/presets that holds only what differs from params.yaml as shipped, or from another
preset, its `base`; and, for a study, what the preset of another one may have changed in study, preprocessing and size
of training. Presets combine; where two set the same parameter, the later one counts. A list is written
``key=[a,b]``: DVC takes commas within brackets as one list, while a bare comma would mean a choice of experiments; bash
and zsh leave the brackets of a substituted command alone, but brackets typed by hand need quotes in zsh.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from pipeline_lib.commands.params_edit import edited_text, flattened, with_values
from pipeline_lib.commands.published import Figures, checked_figures
from pipeline_lib.common.errors import InputError, bad_value, did_you_mean
from pipeline_lib.common.outputs import written_whole
from pipeline_lib.common.params import read_params

PRESETS = Path(__file__).parent.parent / "presets"
PLAIN = re.compile(r"[\w./+:@-]+")
NEEDED, OPTIONAL = ("why", "source", "set"), ("base", "published")


@dataclass(frozen=True)
class Preset:
    """A named set of parameters.

    Attributes
    ----------
    name : str
    why : str
        What it is for, in one line.
    source : str
        Where its values come from.
    values : dict
        By dotted key of params.yaml.
    published : mapping
        What was published for it, as :func:`~pipeline_lib.commands.published.checked_figures` gives it. Defaults to
        nothing.
    """

    name: str
    why: str
    source: str
    values: dict[str, Any]
    published: Figures = field(default_factory=dict)


def preset(
    name: Annotated[str | None, typer.Argument(help="The preset; all are listed without.")] = None,
    *,
    write: Annotated[bool, typer.Option("--write", help="Change params.yaml in place; comments are kept.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Print the sections that it touches, with all values.")] = False,
    params_file: Annotated[Path, typer.Option(help="What the preset is applied to.")] = Path("params.yaml"),
) -> None:
    """List presets, or print one as options for 'dvc exp run'.

    Use it as: dvc exp run $(trialign preset NAME)
    """
    if write and full:
        raise InputError("--write and --full do not go together; write first, then read params.yaml")
    if name is None and (write or full):
        raise InputError(f"{'--write' if write else '--full'} needs the name of a preset; 'trialign preset' lists them")
    if name is None:
        _list_presets()
    elif full:
        typer.echo(_resolved(read_preset(name), params_file), nl=False)
    elif write:
        _write(read_preset(name), params_file)
    else:
        typer.echo(as_options(read_preset(name)))


def preset_names(folder: Path = PRESETS) -> list[str]:
    """The names of all presets, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def read_preset(name: str, folder: Path = PRESETS) -> Preset:
    """Read a preset.

    Raises
    ------
    InputError
        If there is none of that name, its file lacks a key, or a value cannot be given as an option.
    """
    if name not in (names := preset_names(folder)):
        cure = did_you_mean(name, names) or "'trialign preset' lists all"
        raise bad_value("preset", name, names, cure=cure)
    path = folder / f"{name}.yaml"
    content = read_params(path)
    if not set(NEEDED) <= set(content) <= {*NEEDED, *OPTIONAL} or not isinstance(content["set"] or {}, dict):
        raise InputError(
            f"{path}: must hold the keys {', '.join(NEEDED)} and may hold {', '.join(OPTIONAL)}, holds "
            f"{', '.join(content)}"
        )
    values = flattened(content["set"] or {})
    for key, value in values.items():
        _check_plain(path, key, value)
    below = read_preset(content["base"], folder).values if "base" in content else {}
    figures = checked_figures(content["published"], path) if "published" in content else {}
    return Preset(name, content["why"], content["source"], below | values, figures)


def as_options(chosen: Preset) -> str:
    """The preset as ``-S key=value ...`` on one line; a list is ``[a,b]``, without blanks."""
    return " ".join(f"-S {key}={_option_value(value)}" for key, value in chosen.values.items())


def _option_value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_option_value, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _check_plain(path: Path, key: str, value: Any) -> None:
    """The shell splits at blanks, and DVC reads commas as a choice of experiments and quotes as its own."""
    for item in value if isinstance(value, list) else [value]:
        option = _option_value(item)
        if not PLAIN.fullmatch(option) or (isinstance(item, str) and yaml.safe_load(option) != item):
            raise InputError(
                f"{path}: {key} is {item!r}; a preset holds names and numbers without blanks, commas or quotes: "
                "put the text into params.yaml and name it"
            )


def _list_presets() -> None:
    from rich.console import Console
    from rich.table import Table

    presets = [read_preset(name) for name in preset_names()]
    width = max(len(one.name) for one in presets)
    for title, of_a_study in (("studies:", True), ("systems, and other changes:", False)):
        table = Table.grid(padding=(0, 2), pad_edge=True)
        table.add_column(min_width=width + 2)
        for one in presets:
            if ("study.name" in one.values) == of_a_study:
                table.add_row(one.name, one.why)
        typer.echo(title)
        Console(soft_wrap=False).print(table, markup=False)


def _resolved(chosen: Preset, params_file: Path) -> str:
    params = with_values(read_params(params_file), chosen.values, where=str(params_file))
    touched = {key.split(".")[0] for key in chosen.values}
    sections = {section: values for section, values in params.items() if section in touched}
    return yaml.safe_dump(sections, sort_keys=False, width=120) if sections else ""


def _write(chosen: Preset, params_file: Path) -> None:
    before = read_params(params_file)
    text = params_file.read_text(encoding="utf-8")
    changed = edited_text(text, chosen.values, where=str(params_file))
    with written_whole(params_file) as unfinished:
        unfinished.write_text(changed, encoding="utf-8")
    after, old = flattened(yaml.safe_load(changed)), flattened(before)
    count = sum(after.get(key) != old.get(key) for key in chosen.values)
    typer.echo(f"preset {chosen.name}: {count} values changed in {params_file}")
