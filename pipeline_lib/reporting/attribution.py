"""Maps of the attribution of the retrieval score, window by window."""

import pandas as pd
from matplotlib.figure import Figure

from pipeline_lib.reporting.scalp_maps import draw_map_rows, map_rows_of

CAPTION = (
    "Which channels, and when, put the shown image ahead of the others; means over the runs of all subjects and seeds. "
    "Contributions add up to the mean lead of the shown image: its cosine less the mean of theirs. In the size "
    "(share of the sum over all windows and channels) signs are dropped, so that noise does not cancel and counts "
    "everywhere. Nothing is drawn far from all sensors."
)


def draw(table: pd.DataFrame) -> dict[str, Figure]:
    """Maps of the table of :mod:`pipeline_lib.analysis.attribution`, means over runs.

    Returns
    -------
    dict of str to Figure
        ``contribution``, with signs: red where a channel puts the shown image ahead; and ``size``, the absolute values.
    """
    shares = table.assign(attribution=100 * table["attribution"])
    contribution = [*map_rows_of(table, "contribution", "score (cosine)", signed=True)]
    size = [*map_rows_of(shares, "attribution", "share (%)")]
    drawn = {
        "contribution": draw_map_rows(contribution, title="Contribution to the score of the shown image"),
        "size": draw_map_rows(size, title="Size of the attribution, whatever its sign"),
    }
    return {name: figure for name, figure in drawn.items() if figure}
