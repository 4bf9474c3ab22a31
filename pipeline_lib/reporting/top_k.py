"""How often the right item is among the k best, for every k."""

import pandas as pd
from matplotlib.figure import Figure

from pipeline_lib.reporting.accuracy_curves import draw_accuracy_curves

CAPTION = (
    "How often the right item is among the k most similar; means over subjects and seeds, of responses that look for "
    "items (from-brain) and of items that look for responses (to-brain)."
)


def draw(table: pd.DataFrame) -> Figure:
    """Top-k accuracy and chance, from ``metrics/plots/top_k.csv``."""
    return draw_accuracy_curves(table, "k", title="Top-k accuracy", x="k (items)", y="accuracy (%)")
