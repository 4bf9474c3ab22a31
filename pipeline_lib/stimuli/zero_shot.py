"""What zero-shot retrieval asks of a study: training never shows a concept that is tested."""

import pandas as pd

from pipeline_lib.common.errors import InputError, listed


def without_tested_concepts(rows: pd.DataFrame, *, closed_set: bool, where: str) -> pd.DataFrame:
    """Take the training images of tested concepts out of training; they go on to serve class centres.

    Parameters
    ----------
    rows : DataFrame
        Columns ``concept`` and ``split`` (and others), one row per image.
    closed_set : bool
        ``study.closed_set``: leave all as it is.
    where : str
        What names the images, for the error.

    Returns
    -------
    DataFrame
        The same rows, ``split`` of these images being ``center``.

    Raises
    ------
    InputError
        If no training image is left.
    """
    if closed_set:
        return rows
    train = rows["split"] == "train"
    tested = train & rows["concept"].isin(rows.loc[rows["split"] == "test", "concept"])
    if train.any() and tested.sum() == train.sum():
        concepts = listed(sorted(set(rows.loc[tested, "concept"])))
        raise InputError(
            f"{where}: every training image shows a concept that is tested ({concepts}), which leaves none for "
            "zero-shot retrieval; set study.closed_set=true if that is meant, or name the concepts in a column: "
            "without one, the folder of an image may stand for its concept"
        )
    return rows.assign(split=rows["split"].where(~tested, "center"))
