"""How often the right item wins against n - 1 others that are drawn at random."""

import pandas as pd
from matplotlib.figure import Figure

from pipeline_lib.reporting.accuracy_curves import draw_accuracy_curves

CAPTION = (
    "How often the right item is the most similar of n, of which n - 1 are drawn at random from the gallery: the "
    "expectation over all draws; means over subjects and seeds."
)


def draw(table: pd.DataFrame) -> Figure:
    """Expected n-way accuracy and chance, from ``metrics/plots/n_way.csv``."""
    return draw_accuracy_curves(table, "n", title="Expected n-way accuracy", x="n (candidates)", y="accuracy (%)")
