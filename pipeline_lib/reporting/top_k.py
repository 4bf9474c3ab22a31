"""How often the right item is among the k best, for every k."""

import pandas as pd
from matplotlib.figure import Figure

from pipeline_lib.reporting.accuracy_curves import draw_accuracy_curves


def draw(table: pd.DataFrame) -> Figure:
    """Top-k accuracy and chance, from ``metrics/plots/top_k.csv``."""
    return draw_accuracy_curves(table, "k", title="Top-k accuracy", x="k (items)", y="accuracy (%)")
