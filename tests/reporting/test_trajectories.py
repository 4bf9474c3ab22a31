"""Curves of training: which lines are drawn, that they are means over runs, and what a system lacks."""

import numpy as np
import pytest

from pipeline_lib.reporting import trajectories
from tests.reporting.made_tables import curves


def lines_of(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def test_a_line_is_the_mean_over_runs_and_the_band_one_deviation():
    table = curves(people=("a", "b", "c"))
    axes = trajectories.draw_losses(table).axes[0]
    values = np.array([table.loc[table["run"] == f"intra {who}-seed0", "train_brain_image"] for who in "abc"])
    line = lines_of(axes)["training"]
    np.testing.assert_allclose(line.get_ydata(), values.mean(axis=0))
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx((values.mean(axis=0) + values.std(axis=0, ddof=1)).max())


def test_a_run_that_stopped_early_counts_as_long_as_it_lasts():
    table = curves(epochs=4)
    table = table[~((table["run"] == "intra sub-02-seed0") & (table["epoch"] > 2))]
    line = lines_of(trajectories.draw_losses(table).axes[0])["training"]
    alone = table.loc[table["run"] == "intra sub-01-seed0", "train_brain_image"].to_numpy()
    assert len(line.get_ydata()) == 4
    np.testing.assert_allclose(line.get_ydata()[2:], alone[2:])


def test_the_epochs_kept_are_those_of_lowest_validation_loss():
    table = curves(epochs=4)
    table.loc[(table["run"] == "intra sub-01-seed0") & (table["epoch"] == 2), "valid_loss"] = 0.1
    axes = trajectories.draw_losses(table).axes[0]
    kept = [line.get_xdata()[0] for line in axes.get_lines() if line.get_linestyle() == ":"]
    assert kept == [2, 4]


def test_weights_add_up_to_the_sum_that_is_drawn():
    table = curves(objectives=("a", "b", "c"))
    table["weight_a"], table["weight_b"], table["weight_c"] = 0.7, 0.2, 0.1
    for axes in trajectories.draw_weights(table).axes:
        lines = lines_of(axes)
        parts = sum(lines[name].get_ydata() for name in "abc")
        np.testing.assert_allclose(parts, lines["sum"].get_ydata())
        np.testing.assert_allclose(lines["sum"].get_ydata(), 1)


def test_modulation_is_drawn_beside_balance():
    figure = trajectories.draw_modulation(curves(kappa_image=0.7, kappa_text=1.0, rho_image=1.5, rho_text=0.6))
    assert [axes.get_ylabel() for axes in figure.axes] == ["κ", "κ", "ρ", "ρ"]
    assert set(lines_of(figure.axes[2])) == {"image", "text", "balance"}
    assert set(lines_of(figure.axes[2])["balance"].get_ydata()) == {1.0}


@pytest.mark.parametrize("draw", [trajectories.draw_modulation, trajectories.draw_view_shares])
def test_a_system_without_them_has_no_such_figure(draw):
    assert draw(curves()) is None


def test_one_objective_has_no_weights_to_show():
    assert trajectories.draw_weights(curves(objectives=("brain_image",))) is None


def test_without_norms_of_objectives_only_those_of_branches_are_drawn():
    table = curves().drop(columns=["grad_norm_brain_image", "grad_norm_image_text"])
    assert [axes.get_title() for axes in trajectories.draw_gradient_norms(table).axes] == [
        "Balanced gradients of the branches (intra)",
        "Balanced gradients of the branches (inter)",
    ]


def test_objectives_have_the_names_they_have_in_the_parameters():
    figure = trajectories.draw_weights(curves(objectives=("brain_image", "adapter_consistency")))
    assert {"brain-image", "adapter-consistency"} < set(lines_of(figure.axes[0]))


def test_an_objective_that_is_not_validated_has_its_training_loss_alone():
    axes = trajectories.draw_losses(curves().drop(columns="valid_image_text")).axes
    assert {"training", "validation"} <= set(lines_of(axes[0]))
    assert "validation" not in lines_of(axes[2])
    assert "training" in lines_of(axes[2])
