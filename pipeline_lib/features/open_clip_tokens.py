"""The tokenizers of open_clip's architectures: CLIP's own, which comes with it, and those of transformers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from open_clip.tokenizer import DEFAULT_CONTEXT_LENGTH, HFTokenizer, SimpleTokenizer
from torch import Tensor

from pipeline_lib.common.errors import InputError
from pipeline_lib.features.card import CARD, ModelCard
from pipeline_lib.fetching.hub import fetched

FILE = "tokenizer.json"


def load_tokenizer(text: dict[str, Any], folder: Path, card: ModelCard, files: Path) -> Callable[[list[str]], Tensor]:
    """The tokenizer of a text tower.

    Parameters
    ----------
    text : dict
        The architecture's ``text_cfg``.
    folder : Path
        The model's folder; holds the tokenizer's where `card` names one.
    card : ModelCard
    files : Path
        Where the weights are: a model of a hub has its tokenizer beside them.

    Raises
    ------
    InputError
        If it is missing, or has more tokens than the tower.
    """
    context, named = text.get("context_length", DEFAULT_CONTEXT_LENGTH), text.get("hf_tokenizer_name")
    own = text.get("tokenizer_kwargs") or {}
    if not named and not card.tokenizer:
        tokenize = SimpleTokenizer(context_length=context, **own)
        _check_fit(tokenize.vocab_size, text.get("vocab_size", tokenize.vocab_size), folder / CARD, exactly=True)
        return tokenize
    place = _place(named, folder, card, files)
    try:
        tokenize = HFTokenizer(
            str(place), context, tokenizer_mode=text.get("tokenizer_mode"), local_files_only=True, **own
        )
    except Exception as error:  # transformers and tokenizers raise what they like
        raise InputError(f"{place}: not a tokenizer: {next(iter(str(error).splitlines()), error)}") from None
    _check_fit(len(tokenize.tokenizer), text.get("vocab_size", len(tokenize.tokenizer)), place, exactly=False)
    return tokenize


def _place(named: str, folder: Path, card: ModelCard, files: Path) -> Path:
    if card.tokenizer:
        if not (folder / card.tokenizer / FILE).is_file():
            raise InputError(f"{folder / card.tokenizer}: {FILE} is missing; put the tokenizer's files there")
        return folder / card.tokenizer
    if (files / FILE).is_file():
        return files
    if card.hub or card.pretrained:
        return fetched(named, str(folder / CARD), weights="none")
    raise InputError(
        f"{folder / CARD}: the architecture's tokenizer is {named!r} of a hub; copy its files ({FILE} ...) into a "
        "folder here and name that as tokenizer"
    )


def _check_fit(tokens: int, rows: int, where: Path, *, exactly: bool) -> None:
    if tokens > rows or (exactly and tokens != rows):
        raise InputError(
            f"{where}: {rows} token embeddings do not fit {'CLIP' if exactly else 'the tokenizer'}'s {tokens} tokens; "
            "take both from the same place"
        )
