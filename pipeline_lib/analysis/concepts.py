"""How well each concept and each category is found, and what is taken for what."""

import numpy as np
import pandas as pd

from pipeline_lib.analysis.categories import categories_of
from pipeline_lib.analysis.context import Context
from pipeline_lib.analysis.found_items import FoundItems, found_items
from pipeline_lib.retrieval.opened_runs import OpenedRun

CONCEPT_COLUMNS = ("concept", "category", "queries", "top1", "top5", "mean_rank", "chance1", "chance5")
CONFUSION_COLUMNS = ("concept", "found", "count")
CATEGORY_COLUMNS = (
    "system",
    "category",
    "queries",
    "top1",
    "top5",
    "same_category",
    "chance1",
    "chance5",
    "chance_same",
)


def concepts(run: OpenedRun, context: Context) -> pd.DataFrame:
    """How well the images of each concept are found.

    Returns
    -------
    DataFrame
        A row per concept, in the order of the test images: ``concept``, ``category`` (of the first system of the table
        of categories; empty without one), ``queries``, ``top1``, ``top5``, ``mean_rank``, ``chance1``, ``chance5``.
    """
    found = found_items(run, context.params.gallery)
    labels = categories_of(context.params.categories, found.concepts.tolist())
    per_query = _per_query(found).assign(
        concept=found.concepts, category=labels.iloc[:, 0].to_numpy() if labels.shape[1] else ""
    )
    return _means(per_query, ["concept", "category"])[list(CONCEPT_COLUMNS)]


def confusions(run: OpenedRun, context: Context) -> pd.DataFrame:
    """What the images of each concept were taken for.

    Returns
    -------
    DataFrame
        A row per pair that occurs: ``concept``, ``found`` (the concept of the item ranked first, which may be the right
        one) and ``count`` (queries).
    """
    found = found_items(run, context.params.gallery)
    pairs = pd.DataFrame({"concept": found.concepts, "found": found.found})
    counted = pairs.groupby(["concept", "found"], sort=False).size()
    return counted.rename("count").reset_index()[list(CONFUSION_COLUMNS)]


def categories(run: OpenedRun, context: Context) -> pd.DataFrame:
    """How well the images of each category are found, and how often something of their category is.

    Returns
    -------
    DataFrame
        A row per category of each system: ``system``, ``category``, ``queries``, ``top1``, ``top5``, ``same_category``
        (queries whose first item is of their category), ``chance1``, ``chance5``, ``chance_same`` (share of the
        category among the items). Concepts of no category do not count; no rows without a table of categories.
    """
    found = found_items(run, context.params.gallery)
    of_query = categories_of(context.params.categories, found.concepts.tolist())
    of_item = categories_of(context.params.categories, found.items.tolist())
    parts = [
        _by_category(found, of_query[system].to_numpy(), of_item[system].to_numpy()).assign(system=system)
        for system in of_query
    ]
    nothing = pd.DataFrame(columns=CATEGORY_COLUMNS)
    return pd.concat(parts, ignore_index=True)[list(CATEGORY_COLUMNS)] if parts else nothing


def _by_category(found: FoundItems, of_query: np.ndarray, of_item: np.ndarray) -> pd.DataFrame:
    """One system's rows."""
    per_query = _per_query(found).assign(
        category=of_query,
        same_category=of_item[found.first] == of_query,
        chance_same=[(of_item == label).mean() for label in of_query],
    )
    return _means(per_query[of_query != ""], ["category"])


def _per_query(found: FoundItems) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "top1": found.rank <= 1,
            "top5": found.rank <= 5,
            "mean_rank": found.rank,
            "chance1": found.chance["top1"],
            "chance5": found.chance["top5"],
        }
    )


def _means(per_query: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """The mean of every column by group, in the order of their first rows, and how many queries there are."""
    groups = per_query.groupby(by, sort=False)
    return groups.mean().assign(queries=groups.size()).reset_index()
