"""Systems side by side over the same test images: each against the first, with intervals and p-values.

A system's value of an image is the mean over its queries, and then over the runs (subjects and seeds) that were tested
with it; a difference is taken image by image. Intervals redraw the images (paired bootstrap, percentiles); p-values
flip the differences' signs, :mod:`pipeline_lib.retrieval.sign_flip`, which also says why. Both speak of other images,
for these trained models and these people; how much a figure moves with the seed is not in them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline_lib.common.errors import InputError, bad_value, listed
from pipeline_lib.retrieval.holm import holm
from pipeline_lib.retrieval.metrics import chance_levels
from pipeline_lib.retrieval.sign_flip import sign_flip_p_value
from pipeline_lib.retrieval.uncertainty import bootstrap_interval

MEASURES = ("top1", "top5", "mrr")
COLUMNS = (
    *("protocol", "gallery", "gallery_size", "measure", "chance", "system", "images", "subjects", "seeds", "value"),
    *("difference", "low", "high", "p", "p_holm"),
)


@dataclass(frozen=True)
class Comparison:
    """Systems against the first of them.

    Attributes
    ----------
    rows : DataFrame
        Columns :data:`COLUMNS`, a row per protocol, gallery, measure and system. Values and differences are shares; a
        difference is the system's value less the first one's, ``low`` and ``high`` its 95 % interval, ``p_holm``
        corrected over all tests of the table. The first system's own rows have none of these (NaN).
    notes : list of str
        What was left out, and what has to be known.
    """

    rows: pd.DataFrame
    notes: list[str]


def compare(
    systems: Mapping[str, pd.DataFrame],
    *,
    protocols: Sequence[str] = (),
    galleries: Sequence[str] = (),
    n_resamples: int,
    seed: int,
) -> Comparison:
    """Compare systems over the same test images.

    Subjects, protocols and galleries that not all systems have are left out, and the notes name them. Seeds may differ.

    Parameters
    ----------
    systems : mapping of str to DataFrame
        By name, as :func:`~pipeline_lib.retrieval.queries.read_queries` gives them; the first is the baseline.
    protocols, galleries : sequence of str
        Only these; defaults to all that all systems have.
    n_resamples : int
        Of intervals and p-values.
    seed : int
        Of both.

    Raises
    ------
    InputError
        If they have nothing in common, or were tested with other images or other sizes of a gallery.
    """
    notes: list[str] = []
    rows: list[dict] = []
    for protocol, gallery in _common_parts(systems, protocols, galleries, notes):
        parts = {name: _part(table, protocol, gallery) for name, table in systems.items()}
        parts = _common_subjects(parts, f"{protocol}, {gallery}", notes)
        _check_same(parts, f"{protocol}, {gallery}")
        named = {"protocol": protocol, "gallery": gallery}
        rows += [named | row for row in _rows(parts, n_resamples=n_resamples, seed=seed)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    tested = table["p"].notna()
    table.loc[tested, "p_holm"] = holm(table.loc[tested, "p"])
    return Comparison(table, list(dict.fromkeys(notes)))


def image_values(queries: pd.DataFrame) -> pd.DataFrame:
    """A system's value of each test image, in the order of their ids.

    Parameters
    ----------
    queries : DataFrame
        Of one protocol and gallery.

    Returns
    -------
    DataFrame
        Index image_id, columns :data:`MEASURES`: the mean over runs of the mean over a run's queries of that image.
    """
    rank = queries["rank"].to_numpy()
    scores = {"top1": rank <= 1, "top5": rank <= 5, "mrr": 1.0 / rank}
    keys = [queries[name].to_numpy() for name in ("image_id", "subject", "seed")]
    by_run = pd.DataFrame(scores, dtype=np.float64).groupby(keys, observed=True).mean()
    values = by_run.groupby(level=0, observed=True).mean()
    return values.set_axis(values.index.astype(str)).sort_index()


def chance_of(measure: str, gallery_size: int) -> float:
    """What a random order gives where each query has one match, one of :data:`MEASURES`."""
    return chance_levels(np.ones(1, dtype=int), gallery_size)[measure]


def _common_parts(
    systems: Mapping[str, pd.DataFrame], protocols: Sequence[str], galleries: Sequence[str], notes: list[str]
) -> list[tuple[str, str]]:
    """Protocols and galleries that all systems have, of those asked for."""
    tables = [table.drop_duplicates(["protocol", "gallery"]) for table in systems.values()]
    found = [list(zip(table["protocol"], table["gallery"], strict=True)) for table in tables]
    for place, (what, asked) in enumerate((("protocol", protocols), ("gallery", galleries))):
        known = list(dict.fromkeys(pair[place] for pairs in found for pair in pairs))
        if unknown := [name for name in asked if name not in known]:
            raise bad_value(f"--{what}", unknown[0], known)
    wanted = [[p for p in pairs if p[0] in (protocols or p) and p[1] in (galleries or p)] for pairs in found]
    common = [pair for pair in wanted[0] if all(pair in pairs for pairs in wanted)]
    if not common:
        raise InputError(f"{' and '.join(map(repr, systems))} have no protocol and gallery in common")
    for name, pairs in zip(systems, wanted, strict=True):
        if rest := [f"{protocol} {gallery}" for protocol, gallery in pairs if (protocol, gallery) not in common]:
            notes.append(f"left out, as not all have it: {', '.join(rest)} of {name!r}")
    return common


def _part(table: pd.DataFrame, protocol: str, gallery: str) -> pd.DataFrame:
    return table[(table["protocol"] == protocol) & (table["gallery"] == gallery)]


def _common_subjects(parts: dict[str, pd.DataFrame], where: str, notes: list[str]) -> dict[str, pd.DataFrame]:
    subjects = {name: set(part["subject"]) for name, part in parts.items()}
    common = set.intersection(*subjects.values())
    if not common:
        raise InputError(f"{where}: {' and '.join(map(repr, parts))} have no subject in common; nothing can be paired")
    for name, own in subjects.items():
        if rest := sorted(own - common):
            notes.append(f"left out of {where}, as not all have them: {listed(rest)} of {name!r}")
    return {name: part[part["subject"].isin(common)] for name, part in parts.items()}


def _check_same(parts: Mapping[str, pd.DataFrame], where: str) -> None:
    """Refuse systems that were not asked for the same images of each subject among as many."""
    first, *_ = parts
    tested = {name: set(zip(part["subject"], part["image_id"], strict=True)) for name, part in parts.items()}
    sizes = {name: sorted(set(part["n_gallery"])) for name, part in parts.items()}
    for name in parts:
        if other := sorted(tested[name] ^ tested[first]):
            raise InputError(
                f"{where}: {name!r} and {first!r} were not tested with the same images ({len(other)} are in one only: "
                f"{listed((image for _, image in other), most=2)}); such figures cannot be paired"
            )
        if len(sizes[name]) > 1 or sizes[name] != sizes[first]:
            raise InputError(
                f"{where}: gallery of {listed(sizes[name])} items in {name!r} and of {listed(sizes[first])} in "
                f"{first!r}; figures among different numbers do not compare"
            )


def _rows(parts: Mapping[str, pd.DataFrame], *, n_resamples: int, seed: int) -> list[dict]:
    values = {name: image_values(part) for name, part in parts.items()}
    baseline, *_ = values.values()
    rows = []
    for measure in MEASURES:
        for number, (name, part) in enumerate(parts.items()):
            size = int(part["n_gallery"].iloc[0])
            row = {"gallery_size": size, "measure": measure, "chance": chance_of(measure, size), "system": name}
            row |= {"images": len(baseline), "subjects": part["subject"].nunique(), "seeds": part["seed"].nunique()}
            row["value"] = values[name][measure].mean()
            if number:
                row |= _difference((values[name] - baseline)[measure].to_numpy(), n_resamples, seed)
            rows.append(row)
    return rows


def _difference(differences: np.ndarray, n_resamples: int, seed: int) -> dict[str, float]:
    # Means of many equal parts differ in the last bit: a tie is to stay one.
    differences = np.round(differences, 12)
    low, high = bootstrap_interval([differences], n_resamples=n_resamples, seed=seed)
    p = sign_flip_p_value(differences, n_resamples=n_resamples, seed=seed)
    return {"difference": float(differences.mean()), "low": low, "high": high, "p": p}
