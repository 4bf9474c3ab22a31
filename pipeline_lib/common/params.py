"""Parameters: every value stands in params.yaml, and each stage validates the sections it reads, once, at its start.

A room declares its sections as :class:`Section` models, without defaults: params.yaml is the only source of values.
"""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline_lib.common.errors import InputError, did_you_mean

Model = TypeVar("Model", bound=BaseModel)


class Section(BaseModel):
    """A section of params.yaml. Unknown keys are errors, values are frozen once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def read_params(params_file: Path) -> dict[str, Any]:
    """The whole of `params_file` as plain values.

    Raises
    ------
    InputError
        If the file is missing or is not a YAML mapping.
    """
    try:
        values = yaml.safe_load(Path(params_file).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{params_file}: no such file; run from the project's root, or give --params-file") from None
    except yaml.YAMLError as error:
        raise InputError(f"{params_file}: not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise InputError(f"{params_file}: must hold 'section: values' pairs")
    return values


def load_section(params_file: Path, section: str, schema: type[Model]) -> Model:
    """Validate one section of `params_file`.

    Parameters
    ----------
    params_file : Path
        Usually ``params.yaml``.
    section : str
        Name of the top-level key.
    schema : type of Section
        What the section must look like.

    Returns
    -------
    Section
        An instance of `schema`.

    Raises
    ------
    InputError
        Naming the first offending key, its value, and what is allowed.
    """
    return validated(read_params(params_file), section, schema, where=str(params_file))


def validated(params: dict[str, Any], section: str, schema: type[Model], *, where: str = "params.yaml") -> Model:
    """As :func:`load_section`, for parameters that are already read."""
    if section not in params:
        raise InputError(f"{where}: section {section!r} is missing")
    try:
        return schema.model_validate(params[section])
    except ValidationError as error:
        raise InputError(f"{where}: {_first_problem(section, schema, error)}") from None


def _first_problem(section: str, schema: type[BaseModel], error: ValidationError) -> str:
    # A misspelt key is also a missing one; naming what the user wrote helps more.
    problem = min(error.errors(include_url=False), key=lambda found: found["type"] != "extra_forbidden")
    key = ".".join([section, *(str(part) for part in problem["loc"])])
    if problem["type"] == "extra_forbidden":
        siblings = _keys_at(schema, problem["loc"][:-1])
        hint = did_you_mean(str(problem["loc"][-1]), siblings) or f"known: {', '.join(siblings)}"
        return f"unknown parameter {key} (value {problem['input']!r}); {hint}"
    if problem["type"] == "missing":
        return f"parameter {key} is missing"
    hint = ""
    if problem["type"] in ("literal_error", "enum"):
        choices = [choice.strip("'") for choice in problem["ctx"]["expected"].replace(" or ", ", ").split(", ")]
        hint = did_you_mean(str(problem["input"]), choices)
    return (
        f"{key} is {problem['input']!r}: {problem['msg'][:1].lower()}{problem['msg'][1:]}{'; ' + hint if hint else ''}"
    )


def _keys_at(schema: Any, location: tuple[Any, ...]) -> list[str]:
    for part in location:
        field = getattr(schema, "model_fields", {}).get(part)
        schema = field.annotation if field else None
    return list(getattr(schema, "model_fields", {}))


def load_names(params_file: Path, key: str) -> list[str]:
    """A top-level list of names, such as ``subjects``.

    Raises
    ------
    InputError
        If the key is missing, is no list of texts or numbers, or holds a name twice.
    """
    names = read_params(params_file).get(key)
    if not isinstance(names, list) or not all(isinstance(name, (str, int)) for name in names):
        raise InputError(f"{params_file}: {key} is {names!r}, must be a list of names")
    if len(set(names)) < len(names):
        raise InputError(f"{params_file}: {key} holds a name twice: {names}")
    return [str(name) for name in names]
