"""The figure of a comparison."""

import numpy as np
import pandas as pd

from pipeline_lib.reporting.comparison import draw
from pipeline_lib.retrieval.comparison import COLUMNS


def table():
    rng = np.random.default_rng(0)
    rows = []
    for protocol in ("intra", "inter"):
        for measure in ("top1", "mrr"):
            for gallery in ("image", "text"):
                for number, system in enumerate(("base $x$", "one", "two")):
                    row = dict.fromkeys(COLUMNS) | {"system": system, "value": 0.5}
                    row |= {"protocol": protocol, "measure": measure, "gallery": gallery}
                    if number:
                        shift = rng.normal(0, 0.1)
                        row |= {"difference": shift, "low": shift - 0.05, "high": shift + 0.05, "p": 0.01}
                        row |= {"p_holm": 0.01 if system == "one" else 0.5}
                    rows.append(row)
    return pd.DataFrame(rows)


def test_a_panel_per_protocol_and_measure_with_names_and_units():
    figure = draw(table())
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [f"{p}: {m}" for p in ("intra", "inter") for m in ("top-1", "mean reciprocal rank")]
    assert [axes.get_xlabel() for axes in figure.axes[:2]] == [
        "difference (percentage points)",
        "difference (MRR, 0 to 1)",
    ]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == [
        "one, image",
        "two, image",
        "one, text",
        "two, text",
    ]
    assert figure.axes[0].get_ylabel() == "system, gallery"


def test_the_legend_names_the_baseline_and_what_is_filled():
    (legend,) = draw(table()).legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "95 % interval over images",
        "p < 0.05 (Holm)",
        "p ≥ 0.05",
        r"no difference to base \$x\$",
    ]


def test_points_and_intervals_stand_where_the_table_says():
    rows = table()
    axes = draw(rows).axes[0]
    part = rows[(rows["protocol"] == "intra") & (rows["measure"] == "top1") & rows["p"].notna()]
    clear, unclear = (line.get_xydata() for line in axes.get_lines() if line.get_marker() == "o")
    np.testing.assert_allclose(clear[:, 0], 100 * part.loc[part["system"] == "one", "difference"].to_numpy(float))
    np.testing.assert_allclose(unclear[:, 1], [1, 3])
    (bars,) = axes.collections
    np.testing.assert_allclose(
        [path.vertices[:, 0] for path in bars.get_paths()], 100 * part[["low", "high"]].to_numpy(float)
    )


def test_names_with_dollars_are_drawn(tmp_path):
    draw(table()).savefig(tmp_path / "figure.png")
