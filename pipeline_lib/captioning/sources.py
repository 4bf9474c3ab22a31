"""Where captions come from: a model that looks at the images, the class names, the user's own table, or nowhere."""

from pathlib import Path

import pandas as pd

from pipeline_lib.captioning.params import CaptionParams
from pipeline_lib.captioning.prompts import filled, prompt_named
from pipeline_lib.captioning.table import CaptionTable, caption_table, read_text_csv
from pipeline_lib.common.batches import batched
from pipeline_lib.common.device import pick_device, use_threads
from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.common.image_names import match_image_names
from pipeline_lib.common.joins import rows_of
from pipeline_lib.common.progress import progress
from pipeline_lib.common.stimulus_table import StimulusTable

NAME_COLUMNS = ("image_id", "image", "file")
TEXT_COLUMNS = ("text", "caption")


def make_captions(params: CaptionParams, stimuli: StimulusTable, images: Path) -> CaptionTable:
    """Caption all images of a study, in the order of the stimulus table.

    Parameters
    ----------
    params : CaptionParams
        Section `caption`.
    stimuli : StimulusTable
        The images and their concepts.
    images : Path
        The image folder; only a model that looks at images reads it.

    Returns
    -------
    CaptionTable
        Without rows where ``params.source`` is ``"none"``.
    """
    if params.source == "none":
        return caption_table([], [], source="none")
    if params.source == "label":
        return label_captions(params, stimuli)
    if params.source == "file":
        return file_captions(params.path, stimuli)
    return model_captions(params, stimuli, images)


def label_captions(params: CaptionParams, stimuli: StimulusTable) -> CaptionTable:
    """The class name in a wording of its own: HMAVD's and ATM's text, and a control for captions."""
    wording = prompt_named(params.label_prompt, params.prompts, key="caption.label_prompt")
    texts = [filled(wording, concept) for concept in stimuli.frame["concept"]]
    return caption_table(stimuli.frame["image_id"], texts, source="label", prompts=wording)


def file_captions(path: Path, stimuli: StimulusTable) -> CaptionTable:
    """The user's own captions, joined by image name, never by position.

    Parameters
    ----------
    path : Path
        A csv or tsv file with a column ``image_id``, ``image`` or ``file`` and a column ``text`` or ``caption``.
    stimuli : StimulusTable
        Whose images are captioned.

    Raises
    ------
    InputError
        If a column is missing, a row names no image of the study, or an image has no row or more than one.
    """
    frame = read_text_csv(path, cure="set caption.path to it, or caption.source to another source")
    names, texts = _column(frame, NAME_COLUMNS, path), _column(frame, TEXT_COLUMNS, path)
    image_ids = stimuli.frame["image_id"].tolist()
    rows = rows_of(image_ids, match_image_names(names.tolist(), image_ids, what=str(path)), what=str(path))
    return caption_table(image_ids, texts.iloc[rows].tolist(), source="file", model=path.name)


def model_captions(params: CaptionParams, stimuli: StimulusTable, images: Path) -> CaptionTable:
    """Let a model complete the prompt for each image as it was shown (the raw image, in the processor's own size)."""
    from pipeline_lib.captioning.blip2 import Caption, load_blip2
    from pipeline_lib.stimuli.images import read_image

    wording = prompt_named(params.prompt, params.prompts)
    prompts = [filled(wording, concept) for concept in stimuli.frame["concept"]]
    use_threads(params.threads)
    model = load_blip2(
        params.path,
        dtype=params.dtype,
        device=pick_device(params.device, key="caption.device"),
        max_new_tokens=params.max_new_tokens,
    )
    files = progress(stimuli.frame["file"].tolist(), label="caption", unit="image")
    captions: list[Caption] = []
    for batch in batched(files, params.batch_size):
        asked = prompts[len(captions) : len(captions) + len(batch)]
        captions += model.describe([read_image(images / file) for file in batch], asked)
    return caption_table(
        stimuli.frame["image_id"],
        [caption.text for caption in captions],
        source=params.source,
        model=params.path.resolve().name,
        prompts=prompts,
        n_tokens=[caption.n_tokens for caption in captions],
    )


def _column(frame: pd.DataFrame, names: tuple[str, ...], path: Path) -> pd.Series:
    for name in names:
        if name in frame:
            return frame[name]
    raise InputError(f"{path}: needs a column named {' or '.join(names)}, has {listed(frame.columns)}")
