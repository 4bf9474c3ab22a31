"""What every figure of the report promises, whoever draws it."""

import re
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline_lib.reporting import quality
from pipeline_lib.reporting.page import Lines
from pipeline_lib.reporting.sections import figures
from pipeline_lib.reporting.style import literal
from tests.reporting.made_tables import MADE, PROTOCOLS
from tests.reporting.made_tables import channels as made_channels
from tests.reporting.made_tables import quality as made_quality

# Quantities without a unit; all others name theirs in brackets.
UNITLESS = {
    "epoch",
    "subject",
    "weight",
    "loss",
    "norm",
    "κ",
    "ρ",
    "share of samples",
    "protocol",
    "concept",
    "category",
}
UNITLESS |= {"region", "rank", "sensors", "embeddings", "compared with", "concept found", "concept seen"}
UNITLESS |= set(MADE["analysis/categories.csv"]["system"])  # such as shape
HOSTILE = "$\\frac{<b>$ & \"x\", 'y'\n🦊"
SHOWN = {shown.title: shown for shown in figures()}


def panels(figure):
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>" and axes.get_visible()]


def drawn(shown):
    found = shown.figures(MADE[shown.table])
    assert found, f"{shown.title}: nothing is drawn from the made-up table"
    return found.values()


def assert_named(axes):
    assert axes.get_title(), "a panel has no title"
    for text in (axes.get_xlabel(), axes.get_ylabel()):
        assert text, f"panel {axes.get_title()!r} has an axis without a label"
        assert text in UNITLESS or re.search(r"\(.+\)$", text), f"{text!r} names no unit"
    lines = [line for line in axes.get_legend_handles_labels()[1] if line]
    assert len(lines) <= 1 or axes.get_legend() or axes.figure.legends, f"{axes.get_title()!r} has no legend"


def chance_levels(axes):
    return [line for line in axes.get_lines() if str(line.get_label()).startswith("chance")]


@pytest.mark.parametrize("title", SHOWN)
def test_every_panel_has_a_title_and_labels_with_units(title):
    for figure in drawn(SHOWN[title]):
        if SHOWN[title].axes:
            for axes in panels(figure):
                assert_named(axes)
        else:
            assert figure.get_suptitle() or any(axes.get_title() for axes in figure.axes)


@pytest.mark.parametrize("title", [title for title, shown in SHOWN.items() if shown.chance])
def test_every_accuracy_stands_beside_chance(title):
    for figure in drawn(SHOWN[title]):
        for axes in panels(figure):
            assert chance_levels(axes), f"panel {axes.get_title()!r} has no chance level"


@pytest.mark.parametrize("title", SHOWN)
def test_protocols_are_kept_apart(title):
    table = MADE[SHOWN[title].table]
    one = table[table["run"].str.startswith("intra")] if "run" in table else table[table["protocol"] == "intra"]
    both, single = (sum(len(panels(one)) for one in SHOWN[title].figures(found).values()) for found in (table, one))
    assert both == len(PROTOCOLS) * single


@pytest.mark.parametrize("title", SHOWN)
def test_names_from_outside_are_no_formulas(title):
    table = MADE[SHOWN[title].table].copy()
    for name in ("gallery", "subject", "concept", "category", "region", "ch_name"):
        if name in table:
            table[name] = HOSTILE
    if "run" in table:
        table["run"] = table["run"].str.replace("sub-", HOSTILE)
    table = table.drop_duplicates([name for name in table if name not in ("accuracy", "chance")])
    for figure in SHOWN[title].figures(table).values():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph")
            figure.draw_without_rendering()


@pytest.mark.parametrize("title", ["Responses", "Attribution"])
def test_maps_of_channels_without_a_place_are_a_line(title):
    table = MADE[SHOWN[title].table].assign(x=np.nan, y=np.nan)
    (line,) = SHOWN[title](SimpleNamespace(table=lambda name: table))
    assert isinstance(line, Lines)
    assert "do not tell where they lie" in line.lines[0]


def test_a_table_of_every_registered_figure_is_made_up():
    assert {shown.table for shown in SHOWN.values()} <= set(MADE)


def test_titles_tell_figures_apart():
    assert len(SHOWN) == len(figures())


def test_figures_of_the_recordings_are_named_too():
    found = [made_quality("sub-01"), made_quality("sub-02")]
    channels = made_channels().assign(subject="sub-01")
    events, signal = quality.events_table(found), quality.signal_table(found)
    for figure in (quality.draw_events(events), quality.draw_signal(signal), quality.draw_channels(channels)):
        for axes in panels(figure):
            assert_named(axes)


def test_a_text_is_shown_as_it_is():
    from matplotlib.figure import Figure

    figure = Figure()
    for text in ("costs $5", "$a$ $b$", "\\$", "a\\$b", "", "$\\frac$"):
        shown = figure.text(0, 0, literal(text))
        assert shown._preprocess_math(shown.get_text()) == (text, False)
