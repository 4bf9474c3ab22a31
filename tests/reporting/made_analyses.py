"""Small made-up tables of analyses, as stage `analyse` writes them."""

import numpy as np
import pandas as pd

from pipeline_lib.analysis.segments import Segment, map_rows
from pipeline_lib.phantom.electrodes import CHANNELS

RUNS = [(protocol, subject, 0) for protocol in ("intra", "inter") for subject in ("sub-01", "sub-02")]
COLUMNS = ["protocol", "subject", "seed"]


def of_runs(rows, columns, runs=RUNS):
    return pd.DataFrame([(*run, *row) for run in runs for row in rows], columns=[*COLUMNS, *columns])


def windows():
    rows = [("full", 0, 0.3, 0.9, 1, 0.1, 0.5)]
    rows += [("growing", 0, stop, top1, 1, 0.1, 0.5) for stop, top1 in ((0.1, 0.1), (0.2, 0.9), (0.3, 0.9))]
    rows += [("shrinking", start, 0.3, 0.5, 1, 0.1, 0.5) for start in (0, 0.1, 0.2)]
    rows += [("sliding", start, start + 0.1, 0.2, 1, 0.1, 0.5) for start in (0, 0.1, 0.2)]
    return of_runs(rows, ["kind", "start", "stop", "top1", "top5", "chance1", "chance5"])


def areas():
    rows = [("all", np.nan, 9, 0.8, 1, 0.1, 0.5)]
    rows += [("without", "occipital", 4, 0.3, 1, 0.1, 0.5), ("without", "frontal", 5, 0.9, 1, 0.1, 0.5)]
    rows += [("only", "occipital", 5, 0.6, 1, 0.1, 0.5), ("only", "frontal", 4, 0.2, 1, 0.1, 0.5)]
    return of_runs(rows, ["kind", "region", "n_channels", "top1", "top5", "chance1", "chance5"])


def by_concept():
    rows = [
        (f"thing {i}", ("round", "long", np.nan)[i % 3], 1, i > 30, i > 10, 40 - i, 0.025, 0.125) for i in range(40)
    ]
    return of_runs(rows, ["concept", "category", "queries", "top1", "top5", "mean_rank", "chance1", "chance5"])


def confused():
    pairs = [("thing 0", "thing 1", 3), ("thing 0", "thing 0", 1), ("thing 1", "thing 1", 4), ("thing 3", "thing 1", 2)]
    pairs += [(f"thing {i}", f"thing {i}", 1) for i in range(4, 40)]
    return of_runs(pairs, ["concept", "found", "count"])


def by_category():
    rows = [("shape", "round", 9, 0.5, 1, 0.8, 0.1, 0.5, 0.6), ("shape", "<b>long</b>", 9, 0.3, 1, 0.4, 0.1, 0.5, 0.4)]
    rows += [("size", name, 9, 0.5, 1, 0.8, 0.1, 0.5, 0.1) for name in "abcdef"]
    names = ["system", "category", "queries", "top1", "top5", "same_category", "chance1", "chance5", "chance_same"]
    return of_runs(rows, names)


PARTS = [Segment(0.1 * i, 0.1 * (i + 1), slice(10 * i, 10 * i + 10)) for i in range(3)]


def map_table(ch_names=CHANNELS, parts=PARTS, runs=(("intra", "sub-01", 0), ("intra", "sub-02", 0))):
    """Amplitudes, shares and contributions of a few windows; the values are their rows' numbers."""
    tables = []
    for protocol, subject, seed in runs:
        values = np.arange(len(parts) * len(ch_names)).reshape(len(parts), -1) + 1.0
        names = {"amplitude": values, "attribution": values / values.sum(), "contribution": values - 20}
        table = map_rows(parts, list(ch_names), **names).assign(unit="noise sd")
        tables.append(table.assign(protocol=protocol, subject=subject, seed=seed))
    return pd.concat(tables, ignore_index=True)


def agreements(protocols=("intra",)):
    """Two runs of one protocol, brain and image, with a ceiling."""
    rows = []
    people = [(protocol, *person) for protocol in protocols for person in (("sub-01", 0.0), ("sub-02", 0.1))]
    for protocol, subject, shift in people:
        for stage, level in (("before", 0.2), ("after", 0.5)):
            for other in ("image", "shape"):
                rows.append((protocol, subject, 0, "brain", stage, other, level + shift, 0.01, 0.6, 0.8))
            rows.append((protocol, subject, 0, "image", stage, "shape", 0.7, 0.01, np.nan, np.nan))
    names = [
        "protocol",
        "subject",
        "seed",
        "space",
        "stage",
        "compared_with",
        "rho",
        "p",
        "ceiling_low",
        "ceiling_high",
    ]
    return pd.DataFrame(rows, columns=names)


def planes(categories, runs=(("intra", "sub-01", 0), ("intra", "sub-02", 0), ("inter", "sub-03", 1))):
    rng = np.random.default_rng(0)
    rows = [
        (*run, modality, stage, f"i{i}", f"c{i}", category, *rng.normal(size=2))
        for run in runs
        for modality in ("brain", "image")
        for stage in ("before", "after")
        for i, category in enumerate(categories)
    ]
    names = ["protocol", "subject", "seed", "modality", "stage", "image_id", "concept", "category", "x", "y"]
    return pd.DataFrame(rows, columns=names)
