"""Accuracies against numbers of items, each gallery beside its chance."""

import numpy as np

from pipeline_lib.reporting import n_way, top_k
from tests.reporting.made_tables import MADE, of_items


def lines_of(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def test_lines_are_percent_of_each_gallery_and_direction():
    table = MADE["plots/top_k.csv"].sample(frac=1, random_state=0)
    axes = top_k.draw(table).axes[list(dict.fromkeys(table["protocol"])).index("intra")]
    line = lines_of(axes)["class-center, to-brain"]
    assert line.get_xdata().tolist() == [1, 5, 10, 60]
    np.testing.assert_allclose(line.get_ydata(), [100 * (k / 60 + 0.2) for k in (1, 5, 10)] + [100])


def test_chance_is_one_line_for_galleries_of_one_size():
    axes = n_way.draw(MADE["plots/n_way.csv"]).axes[0]
    (chance,) = [line for line in axes.get_lines() if line.get_linestyle() == "--"]
    np.testing.assert_allclose(chance.get_ydata(), [50, 10, 2])


def test_a_gallery_of_another_size_has_its_own_chance():
    table = of_items("k", (1, 5), lambda k: k / 60)
    table.loc[table["gallery"] == "class-center", "chance"] *= 2
    axes = top_k.draw(table).axes[0]
    assert len([line for line in axes.get_lines() if line.get_linestyle() == "--"]) == 2


def test_a_single_number_of_items_is_drawn_too():
    axes = top_k.draw(of_items("k", (1,), lambda k: k / 2)).axes[0]
    assert axes.get_xticks().tolist() == [1]
