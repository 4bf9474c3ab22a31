"""Maps of the responses' amplitude, window by window."""

import pandas as pd
from matplotlib.figure import Figure

from pipeline_lib.reporting.scalp_maps import draw_map_rows, map_rows_of

CAPTION = (
    "Root mean square over test images of the mean over each window and over all trials of an image; what is left of "
    "the noise has its part in it. Means over the people who are tested; the maps of both protocols are alike where "
    "these are the same. Nothing is drawn far from all sensors."
)


def draw(table: pd.DataFrame) -> Figure | None:
    """A row of maps for each protocol, of the table of :mod:`pipeline_lib.analysis.topographies`; means over runs."""
    parts = table.groupby("unit", sort=False)
    rows = [row for unit, part in parts for row in map_rows_of(part, "amplitude", f"rms ({unit})")]
    return draw_map_rows(rows, title="Amplitude of the responses to test images")
