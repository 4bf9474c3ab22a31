"""Where captions come from: a model that looks at the images, the class names, the user's own table, or nowhere."""

from pathlib import Path

import pandas as pd

from pipeline_lib.captioning.made import Made
from pipeline_lib.captioning.params import MODEL_SOURCES, CaptionParams
from pipeline_lib.captioning.prompts import filled, prompt_named
from pipeline_lib.captioning.table import CaptionTable, caption_table
from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.common.image_names import match_image_names
from pipeline_lib.common.joins import rows_of
from pipeline_lib.common.processes import ALONE, Group
from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.common.text_tables import read_text_table

NAME_COLUMNS = ("image_id", "image", "file")
TEXT_COLUMNS = ("text", "caption")


def make_captions(
    params: CaptionParams, stimuli: StimulusTable, images: Path, *, out: Path | None = None, group: Group = ALONE
) -> Made:
    """Caption all images of a study, in the order of the stimulus table.

    Parameters
    ----------
    params : CaptionParams
        Section `caption`.
    stimuli : StimulusTable
        The images and their concepts.
    images : Path
        The image folder; only a model that looks at images reads it.
    out : Path, optional
        The table that is to be written; beside it a model's captions are kept until then.
    group : Group
        The processes that share the work of a model.

    Returns
    -------
    Made
        Its table is without rows where ``params.source`` is ``"none"``.
    """
    if params.source in MODEL_SOURCES:
        from pipeline_lib.captioning.model_source import model_captions

        return model_captions(params, stimuli, images, out=out, group=group)
    if params.source == "none":
        return Made(caption_table([], [], source="none"))
    return Made(label_captions(params, stimuli) if params.source == "label" else file_captions(params.path, stimuli))


def label_captions(params: CaptionParams, stimuli: StimulusTable) -> CaptionTable:
    """The class name in the wording that ``caption.label_prompt`` names: HMAVD's text, and a control for captions."""
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
    names, texts = read_named(path)
    image_ids = stimuli.frame["image_id"].tolist()
    rows = rows_of(image_ids, match_image_names(names.tolist(), image_ids, what=str(path)), what=str(path))
    return caption_table(image_ids, texts.iloc[rows].tolist(), source="file", model=path.name)


def read_named(path: Path) -> tuple[pd.Series, pd.Series]:
    """The image names and the texts of the user's table, row by row."""
    cure = "set caption.path to it, or caption.source to another source"
    frame = read_text_table(path, what="caption table", cure=cure)
    return _column(frame, NAME_COLUMNS, path), _column(frame, TEXT_COLUMNS, path)


def _column(frame: pd.DataFrame, names: tuple[str, ...], path: Path) -> pd.Series:
    for name in names:
        if name in frame:
            return frame[name]
    raise InputError(f"{path}: needs a column named {' or '.join(names)}, has {listed(frame.columns)}")
