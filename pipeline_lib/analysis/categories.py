"""The table that puts concepts into categories: THINGS' own, or any csv with a column for each system of categories."""

from pathlib import Path

import pandas as pd

from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.stimuli.naming import concept_of

CONCEPT_COLUMNS = ("concept", "uniqueid", "word")  # of one's own table, and of those of THINGS
ONE_SYSTEM = "category"
KEY = "analysis.categories"


def read_categories(path: Path | None) -> pd.DataFrame:
    """Read which categories concepts are of.

    Parameters
    ----------
    path : Path or None
        A csv, or a tsv, with a column ``concept`` (or, as in the tables of THINGS, ``uniqueID`` or ``Word``) and either
        a column of labels for each system of categories, or a column of 0 (or nothing) and 1 for each category; other
        columns beside such do not count. Concepts may be written as words or as the folders of THINGS
        (00012_air_conditioner). A concept that several of these columns hold is of the one with the fewest concepts:
        a bird is an animal, too.

    Returns
    -------
    DataFrame
        Index ``concept``, one column per system, labels as text, empty for none. No columns for None.

    Raises
    ------
    InputError
        If the file is missing or no such table, or a concept stands there twice.
    """
    if path is None:
        return pd.DataFrame(index=pd.Index([], name="concept"))
    table = _indexed(_read(path), path)
    members = [name for name in table if set(table[name]) <= {"", "0", "1"} and "1" in set(table[name])]
    if members:
        return _smallest(table[members] == "1")
    if not len(table.columns):
        raise InputError(f"{path}: has no column besides that of the concepts; {KEY} needs one for each system")
    return table


def categories_of(path: Path | None, concepts: list[str]) -> pd.DataFrame:
    """The categories of some concepts, in their order; empty for a concept that the table lacks.

    Raises
    ------
    InputError
        As :func:`read_categories`, or if the table lacks all of them.
    """
    table = read_categories(path)
    names = [concept_of(concept) for concept in concepts]
    if path is not None and not set(names) & set(table.index):
        raise InputError(
            f"{path}: holds none of the test concepts, which are {listed(dict.fromkeys(concepts), most=3)}; set "
            f"{KEY} to the table of this study, or to null"
        )
    return table.reindex(names, fill_value="")


def _read(path: Path) -> pd.DataFrame:
    try:
        separator = "\t" if path.suffix.lower() == ".tsv" else ","
        return pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"{path}: no such table of categories; correct {KEY}, or set it to null") from None
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"{path}: not a csv (or, named .tsv, a tsv) of categories: {error}") from None


def _indexed(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The table by concept, cells without blanks around them, rows without concept (sums) left out."""
    named = {name.strip().lower(): name for name in table.columns}
    key = next((named[name] for name in CONCEPT_COLUMNS if name in named), None)
    if key is None:
        raise InputError(f"{path}: has no column 'concept', but {listed(table.columns)}; {KEY} needs one")
    table = table.apply(lambda column: column.str.strip())
    table = table[table[key] != ""]
    names = _numbered(table[key]) if key.strip().lower() == "word" else table[key]
    concept = pd.Index(names.map(concept_of), name="concept")
    if doubled := concept[concept.duplicated()].unique().tolist():
        raise InputError(f"{path}: concepts stand there more than once: {listed(doubled)}")
    return table.drop(columns=key).set_axis(concept)


def _numbered(words: pd.Series) -> pd.Series:
    """Words of several meanings with the numbers that their ``uniqueID`` has in THINGS: bat1, bat2."""
    number = (words.groupby(words).cumcount() + 1).astype(str)
    return words.where(~words.duplicated(keep=False), words + number)


def _smallest(member: pd.DataFrame) -> pd.DataFrame:
    """For each concept the column that holds it and the fewest others; of equal ones the first."""
    sizes = member.sum().sort_values(kind="stable")
    label = member[sizes.index].idxmax(axis=1).where(member.any(axis=1), "")
    return label.rename(ONE_SYSTEM).to_frame()
