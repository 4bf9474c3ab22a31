"""Change values in the text of params.yaml and leave every other byte as it is.

YAML writers that keep comments still move blank lines, rewrite nulls, and break the file when a list with a comment
beside its key becomes empty. So: find where the value stands, replace that, and check the outcome by reading it.
"""

import copy
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import yaml

from pipeline_lib.common.errors import InputError, did_you_mean


def flattened(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"a": {"b": 1}}`` and ``{"a.b": 1}`` as ``{"a.b": 1}``."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        nested = isinstance(value, Mapping) and value
        flat |= flattened(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return flat


def with_values(params: dict[str, Any], values: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """A copy of `params` with the values of dotted keys replaced.

    Parameters
    ----------
    params : dict
        The content of params.yaml.
    values : mapping of str to any
        By dotted key; every key must exist.
    where : str
        What holds `params`, for the error.

    Raises
    ------
    InputError
        If a key does not exist, or stands for a whole section.
    """
    changed = copy.deepcopy(params)
    for key, value in values.items():
        *sections, last = key.split(".")
        holder: Any = changed
        for part in sections:
            holder = holder.get(part) if isinstance(holder, dict) else None
        if not isinstance(holder, dict) or last not in holder:
            hint = did_you_mean(key, flattened(params))
            raise InputError(f"{where}: there is no parameter {key}{'; ' + hint if hint else ''}")
        if isinstance(holder[last], dict):
            raise InputError(f"{where}: {key} is a section; name the parameters in it")
        holder[last] = copy.deepcopy(value)
    return changed


def edited_text(text: str, values: Mapping[str, Any], *, where: str) -> str:
    """The text of params.yaml with the values of dotted keys replaced, everything else untouched.

    Raises
    ------
    InputError
        If a key does not exist, or the file is written in a way that this editor does not understand.
    """
    before = yaml.safe_load(text)
    expected = with_values(before, values, where=where)
    with suppress(yaml.YAMLError):
        for key, value in values.items():
            if _value_at(before, key) != value:
                text = _with_value(text, key.split("."), value)
        if yaml.safe_load(text) == expected:
            return text
    raise InputError(f"{where}: cannot be edited in place; write it in block style, or edit it by hand")


def _value_at(params: dict[str, Any], key: str) -> Any:
    for part in key.split("."):
        params = params[part]
    return params


def _with_value(text: str, path: list[str], value: Any) -> str:
    key, old = _nodes_at(yaml.compose(text), path)
    lines = text.split("\n")
    first, last = key.end_mark.line, max(key.end_mark.line, _last_line(old))
    in_line = old.start_mark.line == first and old.end_mark.index > old.start_mark.index
    head = lines[first][: key.end_mark.column].rstrip() + ":"
    rest = lines[last][old.end_mark.column :] if in_line else lines[first][len(head) :]
    items = [f"{' ' * key.start_mark.column}- {_scalar(item)}" for item in value] if isinstance(value, list) else []
    if not items:
        head += f" {_scalar(value)}"
    replaced = lines[first + 1 : last + 1] if isinstance(old, yaml.SequenceNode) else []
    comments = [line for line in replaced if line.lstrip().startswith("#")]
    lines[first : last + 1] = [_with_comment(head, rest, lines[first]), *comments, *items]
    return "\n".join(lines)


def _nodes_at(node: yaml.Node, path: list[str]) -> tuple[yaml.Node, yaml.Node]:
    for part in path:
        key, node = next(pair for pair in node.value if pair[0].value == part)
    return key, node


def _last_line(node: yaml.Node) -> int:
    """The line on which a value ends; a block's own end mark lies behind the blank lines that follow it."""
    if isinstance(node, yaml.SequenceNode) and not node.flow_style:
        return _last_line(node.value[-1])
    return node.end_mark.line if node.end_mark.index > node.start_mark.index else -1


def _with_comment(head: str, rest: str, old_line: str) -> str:
    """`head` followed by the comment in `rest`, in the column where it stood in `old_line`."""
    comment = rest.strip()
    if not comment:
        return head
    column = old_line.rfind(comment)
    return head.ljust(column) + comment if column > len(head) else f"{head} {comment}"


def _scalar(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("\n").removesuffix("\n...")
