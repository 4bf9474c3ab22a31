"""What the figures of maps, similarity and projection show and say."""

import numpy as np
import pytest

from pipeline_lib.analysis.segments import Segment
from pipeline_lib.phantom.electrodes import CHANNELS
from pipeline_lib.reporting import attribution, projection, similarity, topographies
from pipeline_lib.reporting.projection import category_colors
from tests.reporting import made_analyses
from tests.reporting.made_analyses import map_table, planes

POSTERIOR = [name for name in CHANNELS if name.startswith(("P", "O"))]
NEUROMAG = [f"MEG {sensor:03d}{kind}" for sensor in (11, 21, 34, 44, 143, 211) for kind in (1, 2, 3)]


def titles(figure):
    return [part.get_suptitle() for part in figure.subfigs]


def maps_of(part):
    """The interpolated pictures; the colour bar is the last of the axes."""
    return [axes.images[0] for axes in part.axes[:-1] if axes.images]


def test_every_window_has_a_map_and_a_row_one_scale_with_its_unit():
    figure = topographies.draw(map_table())
    (part,) = figure.subfigs
    assert [axes.get_title() for axes in part.axes[:-1]] == ["0–100 ms", "100–200 ms", "200–300 ms"]
    assert {image.get_clim() for image in maps_of(part)} == {(0, 3 * len(CHANNELS))}
    assert part.axes[-1].get_ylabel() == "rms (noise sd)"
    assert figure.get_suptitle()
    assert titles(figure) == ["intra, electrodes, mean of 2 runs"]


def test_protocols_have_rows_of_their_own():
    runs = (("intra", "sub-01", 0), ("inter", "sub-01", 0))
    assert titles(topographies.draw(map_table(runs=runs))) == ["intra, electrodes, 1 run", "inter, electrodes, 1 run"]


def test_channels_without_a_place_are_named_and_left_out():
    table = map_table(ch_names=[*CHANNELS, "unit7", "X99"])
    (title,) = titles(topographies.draw(table))
    assert title == "intra, electrodes, mean of 2 runs; no place known of 2: unit7, X99"


def test_without_places_there_is_no_figure():
    table = map_table(ch_names=["unit1", "unit2", "unit3", "unit4", "unit5"])
    assert topographies.draw(table) is None
    assert attribution.draw(table) == {}


def test_sensors_that_measure_different_things_share_no_map():
    assert titles(topographies.draw(map_table(ch_names=NEUROMAG))) == [
        "intra, magnetometers, mean of 2 runs",
        "intra, gradiometers, mean of 2 runs",
    ]


def test_contributions_are_even_around_zero_and_sizes_start_there():
    drawn = attribution.draw(map_table())
    assert list(drawn) == ["contribution", "size"]
    low, high = maps_of(drawn["contribution"].subfigs[0])[0].get_clim()
    assert low == -high
    assert maps_of(drawn["size"].subfigs[0])[0].get_clim()[0] == 0
    assert [figure.subfigs[0].axes[-1].get_ylabel() for figure in drawn.values()] == ["score (cosine)", "share (%)"]


def test_many_windows_go_over_several_lines(tmp_path):
    parts = [Segment(0.02 * i, 0.02 * (i + 1), slice(2 * i, 2 * i + 2)) for i in range(15)]
    figure = topographies.draw(map_table(ch_names=CHANNELS[:20], parts=parts))
    figure.savefig(tmp_path / "maps.png")
    assert len(maps_of(figure.subfigs[0])) == 15


@pytest.fixture
def agreements():
    return made_analyses.agreements()


def test_bars_are_means_over_runs_below_the_ceiling(agreements):
    (axes,) = similarity.draw(agreements).axes
    heights = sorted(round(bar.get_height(), 6) for bar in axes.patches if bar.get_width() < 0.5)
    assert heights == [0.25, 0.25, 0.55, 0.55, 0.7, 0.7]
    named = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "noise ceiling, brain, after" in named
    assert "chance (0)" in named
    assert [text.get_text() for text in axes.get_xticklabels()] == ["image", "shape"]
    assert axes.get_title() == "Representational similarity (intra)"


def test_without_repeats_there_is_no_ceiling(agreements):
    (axes,) = similarity.draw(agreements.assign(ceiling_low=np.nan, ceiling_high=np.nan)).axes
    assert not [text for text in axes.get_legend().get_texts() if "ceiling" in text.get_text()]


def test_the_first_run_of_each_protocol_has_a_figure():
    drawn = projection.draw(planes(["a", "a", "b", ""]))
    assert list(drawn) == ["intra, sub-01, seed 0", "inter, sub-03, seed 1"]
    axes = drawn["intra, sub-01, seed 0"].axes
    assert [panel.get_title() for panel in axes] == ["brain, before", "image, before", "all, after alignment"]
    assert [sum(len(dots.get_offsets()) for dots in panel.collections) for panel in axes] == [4, 4, 8]
    assert all("(" in panel.get_xlabel() for panel in axes)


def test_at_most_twelve_categories_have_a_colour():
    categories = [f"k{i:02d}" for i in range(20) for _ in range(1 + i)]
    colors = category_colors(planes(categories))
    assert sorted(colors) == [f"k{i:02d}" for i in range(8, 20)]
    assert len(set(colors.values())) == 12


@pytest.mark.parametrize("nothing", ["", np.nan])
def test_without_categories_all_are_grey(nothing):
    (figure, _) = projection.draw(planes([nothing] * 4)).values()
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {"brain", "image", "no category"}


@pytest.mark.parametrize(("ch_names", "covered"), [(CHANNELS, True), (POSTERIOR, False)])
def test_nothing_is_drawn_where_no_sensor_is(ch_names, covered):
    (part,) = topographies.draw(map_table(ch_names=ch_names)).subfigs
    axes = part.axes[0]
    shown = axes.images[0].get_clip_path().get_fully_transformed_path()
    forehead, occiput = axes.transData.transform([(0, 0.8), (0, -0.8)])
    assert shown.contains_point(occiput)
    assert shown.contains_point(forehead) == covered
