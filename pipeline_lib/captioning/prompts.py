"""Prompts by name, with the class name filled in."""

from collections.abc import Mapping

from pipeline_lib.common.errors import bad_value

CONCEPT = "{concept}"


def prompt_named(name: str, prompts: Mapping[str, str], *, key: str = "caption.prompt") -> str:
    """The wording of a prompt.

    Parameters
    ----------
    name : str
        A key of `prompts`, or the wording itself: any text of more than one word.
    prompts : mapping of str to str
        Section ``caption.prompts``.
    key : str
        The parameter `name` came from, for the error.

    Raises
    ------
    InputError
        If `name` is a single word and no key.
    """
    if name in prompts:
        return prompts[name]
    if " " in name.strip():
        return name
    cure = "add it to caption.prompts, or write the prompt itself"
    raise bad_value(key, name, prompts, cure=cure)


def filled(prompt: str, concept: str) -> str:
    """`prompt` with ``{concept}`` replaced; other braces stay as they are."""
    return prompt.replace(CONCEPT, concept)
