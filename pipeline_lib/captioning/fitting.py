"""Whether the parts of a captioner's folder belong together: configuration, weights, processor and tokenizer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline_lib.common.errors import InputError, listed


def check_weights(folder: Path, report: Mapping[str, Any]) -> None:
    """Refuse weights that are missing or of another shape: transformers would take random ones.

    Parameters
    ----------
    folder : Path
        For the error.
    report : mapping
        The loading information of ``from_pretrained``.

    Raises
    ------
    InputError
    """
    if missing := sorted(report["missing_keys"]):
        raise InputError(
            f"{folder}: {len(missing)} weights are missing: {listed(missing, most=2)}; copy the folder again"
        )
    for name, found, wanted in sorted(report["mismatched_keys"]):
        raise InputError(
            f"{folder}: weight {name} has shape {tuple(found)}, but config.json asks for {tuple(wanted)}; "
            "copy both from the same place"
        )


def check_tokenizer(folder: Path, processor: Any, model: Any) -> None:
    """Refuse a tokenizer with more tokens than the model has, or one that marks the image with another token.

    What folders written by early versions of transformers lack is taken from the model's configuration.

    Raises
    ------
    InputError
    """
    tokenizer = getattr(processor, "tokenizer", None)
    if tokenizer is None:
        raise InputError(f"{folder}: no processor with a tokenizer; copy the whole folder again")
    _complete(processor, model)
    rows = model.get_input_embeddings().num_embeddings
    ours, theirs = _image_token_of(processor), getattr(model.config, "image_token_id", None)
    queries = [getattr(side, "num_query_tokens", None) for side in (processor, model.config)]
    if len(tokenizer) > rows or (None not in (ours, theirs) and ours != theirs) or queries[0] != queries[1]:
        often = f", {queries[0]} times," if queries[0] else ""
        wanted = f" and {queries[1]}" if queries[1] else ""
        raise InputError(
            f"{folder}: tokenizer and model do not fit: {len(tokenizer)} tokens with the image at {ours}{often} "
            f"against {rows}, {theirs}{wanted}; copy both from the same place"
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    for part in (model, getattr(model, "language_model", None), getattr(model, "text_decoder", None)):
        if hasattr(part, "generation_config"):
            part.generation_config.pad_token_id = tokenizer.pad_token_id


def _complete(processor: Any, model: Any) -> None:
    config = model.config
    if hasattr(config, "num_query_tokens") and getattr(processor, "num_query_tokens", None) is None:
        processor.num_query_tokens = config.num_query_tokens
    if hasattr(processor, "patch_size") and processor.patch_size is None:
        processor.patch_size = config.vision_config.patch_size
        processor.vision_feature_select_strategy = config.vision_feature_select_strategy
        # The tower's class token, which the strategy "default" then takes off again.
        processor.num_additional_image_tokens = 1


def _image_token_of(processor: Any) -> int | None:
    token = getattr(processor, "image_token", None)
    if token is None:
        return None
    # An AddedToken in BLIP-2, plain text elsewhere.
    return processor.tokenizer.convert_tokens_to_ids(getattr(token, "content", token))
