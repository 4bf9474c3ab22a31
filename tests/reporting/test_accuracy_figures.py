"""What the figures of accuracies show: names, units, chance, and the numbers of the table."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from pipeline_lib.reporting import categories, concepts, confusions, regions, time_windows
from tests.reporting import made_analyses
from tests.reporting.made_analyses import RUNS


@pytest.fixture
def windows():
    return made_analyses.windows()


@pytest.fixture
def areas():
    return made_analyses.areas()


@pytest.fixture
def by_concept():
    return made_analyses.by_concept()


@pytest.fixture
def confused():
    return made_analyses.confused()


@pytest.fixture
def by_category():
    return made_analyses.by_category()


def panels(figure):
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def legend_of(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def assert_readable(figure, n_panels):
    figure.canvas.draw()
    found = panels(figure)
    assert len(found) == n_panels
    for axes in found:
        assert axes.get_title().endswith("-subject")
        assert axes.get_xlabel()
        assert axes.get_ylabel()


def test_windows(windows):
    figure = time_windows.draw(windows)
    assert_readable(figure, 2)
    for axes in figure.axes:
        assert axes.get_xlabel() == "time from onset (s)"
        assert "(share of queries)" in axes.get_ylabel()
        names = legend_of(axes)
        assert "chance (0.1)" in names
        assert "peak of growing: 0.9 at 0.2 s" in names  # the first of two equal ones
        assert len(names) == 5
        drawn = {line.get_label().split(":")[0]: line for line in axes.lines}
        np.testing.assert_allclose(drawn["growing"].get_xdata(), [0.1, 0.2, 0.3])
        np.testing.assert_allclose(drawn["shrinking"].get_xdata(), [0, 0.1, 0.2])
        np.testing.assert_allclose(drawn["sliding"].get_xdata(), [0.05, 0.15, 0.25])
        np.testing.assert_allclose(drawn["growing"].get_ydata(), [0.1, 0.9, 0.9])


def test_windows_by_another_measure(windows):
    figure = time_windows.draw(windows, "top5")
    assert "chance (0.5)" in legend_of(figure.axes[0])
    assert figure.axes[0].get_ylabel().startswith("top-5")


def test_regions_show_points_lost_and_accuracy_alone(areas):
    figure = regions.draw(areas)
    assert_readable(figure, 4)
    left, right = figure.axes[:2]
    np.testing.assert_allclose([bar.get_height() for bar in left.patches], [50, -10])
    np.testing.assert_allclose([bar.get_height() for bar in right.patches], [60, 20])
    assert left.get_ylabel() == "top-1 lost (% points)"
    assert right.get_ylabel() == "top-1 accuracy (%)"
    assert [tick.get_text() for tick in right.get_xticklabels()] == ["occipital\n(5)", "frontal\n(4)"]
    assert "chance (10)" in legend_of(right)


def test_concepts_best_and_worst(by_concept):
    figure = concepts.draw(by_concept)
    assert_readable(figure, 4)
    best, worst = figure.axes[:2]
    assert [tick.get_text() for tick in best.get_yticklabels()] == [f"thing {i}" for i in range(39, 24, -1)]
    assert [tick.get_text() for tick in worst.get_yticklabels()] == [f"thing {i}" for i in range(14, -1, -1)]
    assert "chance of top-1 (0.025)" in legend_of(best)


def test_few_concepts_are_best_or_worst_but_not_both(by_concept):
    few = by_concept[by_concept["concept"].isin(["thing 1", "thing 2", "thing 39"])]
    best, worst = concepts.draw(few).axes[:2]
    assert [tick.get_text() for tick in best.get_yticklabels()] == ["thing 39"]
    assert [tick.get_text() for tick in worst.get_yticklabels()] == ["thing 1"]


def test_categories_with_their_chance(by_category):
    figure = categories.draw(by_category)
    assert_readable(figure, 4)
    for axes in figure.axes:
        assert set(legend_of(axes)) == {"its category", "itself (top-1)", "chance"}
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["round", "<b>long</b>"]
    np.testing.assert_allclose([bar.get_width() for bar in figure.axes[0].patches], [0.8, 0.4, 0.5, 0.3])


def test_confusions_show_those_that_are_confused_most(confused):
    figure = confusions.draw(confused, most=3)
    assert_readable(figure, 2)
    axes = panels(figure)[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["thing 0", "thing 1", "thing 3"]
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.25, 0.75, 0], [0, 1, 0], [0, 1, 0]])


def test_confusions_by_category(confused, by_concept):
    figure = confusions.draw_categories(confused, by_concept)
    assert_readable(figure, 2)
    axes = panels(figure)[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["long", "round"]
    matrix = np.asarray(axes.images[0].get_array())
    np.testing.assert_allclose(matrix.sum(axis=1), 1)
    # Round: things 0, 3, 6, ..., of which things 0 and 3 are found as the long thing 1, in 3 and 2 queries.
    round_right = 1 + len(range(6, 40, 3))
    assert matrix[1, 0] == pytest.approx(5 / (5 + round_right))


def test_categories_are_needed_for_confusions_by_category(confused, by_concept):
    with pytest.raises(ValueError, match="no category"):
        confusions.draw_categories(confused, by_concept.assign(category=np.nan))


@pytest.mark.parametrize("n_runs", [1, 2])
def test_one_run_or_one_protocol_is_enough(windows, areas, by_concept, by_category, confused, n_runs):
    some = [run[:2] for run in RUNS[:n_runs]]

    def cut(table):
        return table[[pair in some for pair in zip(table["protocol"], table["subject"], strict=True)]]

    for draw, table, n_panels in (
        (time_windows.draw, windows, 1),
        (regions.draw, areas, 2),
        (concepts.draw, by_concept, 2),
        (categories.draw, by_category, 2),
        (confusions.draw, confused, 1),
    ):
        assert_readable(draw(cut(table)), n_panels)


def test_captions_say_what_the_papers_found():
    for word in ("1.3 %", "500 ms", "600 to 1000 ms"):
        assert word in time_windows.CAPTION
    for word in ("occipital 4.6", "temporal 1", "frontal -0.25"):
        assert word in regions.CAPTION


def test_early_regions_are_shown_by_top_5(areas):
    costly = (areas["kind"] == "without") & (areas["region"] == "occipital")
    areas["top5"] = np.where(costly, 0.7, 1.0)
    left, right = regions.draw_early(areas).axes[:2]
    np.testing.assert_allclose([bar.get_height() for bar in left.patches], [30, 0], atol=1e-9)
    assert left.get_ylabel() == "top-5 lost (% points)"
    assert right.get_ylabel() == "top-5 accuracy (%)"
    assert "chance (50)" in legend_of(right)


def test_confusions_of_both_protocols_share_a_scale(confused):
    rare = confused.copy()
    rare.loc[(rare["protocol"] == "inter"), "found"] = rare["concept"] + " again"
    for table in (confused, rare):
        limits = {axes.images[0].get_clim() for axes in panels(confusions.draw(table, most=3))}
        assert len(limits) == 1


def test_lines_of_windows_are_told_apart_without_colours(windows):
    for axes in time_windows.draw(windows).axes:
        drawn = {line.get_label().split(":")[0]: line.get_linestyle() for line in axes.lines}
        assert len({drawn[kind] for kind in ("growing", "shrinking", "sliding")}) == 3


def test_long_names_leave_room_for_a_few_confused_concepts(confused):
    names = {"thing 0": "a name of many words that nobody would give to a thing", "thing 1": "two\nlines"}
    few = confused[confused["concept"].isin(["thing 0", "thing 1"])]
    figure = confusions.draw(few.replace({"concept": names, "found": names}))
    FigureCanvasAgg(figure).draw()
    for axes in figure.axes:
        for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
            box = text.get_window_extent()
            assert figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1
            assert figure.bbox.y0 <= box.y0 <= box.y1 <= figure.bbox.y1
    assert [tick.get_text() for tick in panels(figure)[0].get_yticklabels()] == [
        "a name of many words that nob…",
        "two lines",
    ]
