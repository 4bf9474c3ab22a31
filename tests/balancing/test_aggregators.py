"""What the methods that TorchJD computes promise, here as there."""

import math
from importlib.util import find_spec

import pytest
import torch
import torchjd.aggregation as library
from torch import nn

from pipeline_lib.balancing import aggregators
from pipeline_lib.balancing.aggregators import square_root
from pipeline_lib.balancing.build import build_balancer
from pipeline_lib.common.errors import InputError
from tests.balancing.properties import JACOBIANS, claims, jacobian

ALWAYS = ["objectives_without_gradient_have_no_say", "no_gradient_at_all_is_zero", "not_a_number_is_passed_on"]
SYMMETRIC = [*ALWAYS, "order_of_objectives_does_not_matter", "leaves_agreeing_gradients_their_mean_direction"]
ALONE = ["scales_with_all_losses", "one_objective_keeps_its_gradient"]
OURS_AND_THEIRS = {
    "pcgrad": library.PCGrad(),
    "cagrad": library.CAGrad(c=0.4),
    "mgda": library.MGDA(),
    "upgrad": library.UPGrad(),
    "dualproj": library.DualProj(),
    "imtl-g": library.IMTLG(),
    "aligned-mtl": library.AlignedMTL(),
    "fairgrad": library.FairGrad(alpha=1.0),
}
ecos = pytest.mark.skipif(find_spec("ecos") is None, reason="needs the extra nash-mtl")


@claims(
    pcgrad=[*ALWAYS, *ALONE, "leaves_agreeing_gradients_their_mean_direction"],
    cagrad=[*SYMMETRIC, "scales_with_all_losses", "one_objective_keeps_its_direction"],
    mgda=[*SYMMETRIC, *ALONE, "harms_no_objective", "stops_where_objectives_oppose_each_other"],
    upgrad=[*SYMMETRIC, *ALONE, "harms_no_objective", "stops_where_objectives_oppose_each_other"],
    dualproj=[*SYMMETRIC, *ALONE, "harms_no_objective", "stops_where_objectives_oppose_each_other"],
    imtl_g=[*SYMMETRIC, *ALONE],
    aligned_mtl=[*SYMMETRIC, *ALONE],
    fairgrad=[
        *SYMMETRIC,
        "harms_no_objective",
        "direction_ignores_each_losses_scale",
        "one_objective_keeps_its_direction",
    ],
    nash_mtl=[*SYMMETRIC, "one_objective_keeps_its_gradient"],
)
def test_properties(aggregate_by, method, check):
    check(aggregate_by(method))


@pytest.mark.parametrize("method", OURS_AND_THEIRS)
def test_equals_the_librarys_own_aggregate(aggregate_by, method):
    for rows in JACOBIANS:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            theirs = OURS_AND_THEIRS[method](rows)
        torch.testing.assert_close(aggregate_by(method)(rows), theirs, rtol=1e-5, atol=1e-5)


def test_pcgrad_by_hand(aggregate_by):
    # g₁ = (1, 0), g₂ = (-1, 1): ĝ₁ = g₁ + ½ g₂ = (½, ½), ĝ₂ = g₂ + g₁ = (0, 1).
    rows = torch.tensor([[1.0, 0, 0], [-1, 1, 0]], dtype=torch.float64)
    assert aggregate_by("pcgrad")(rows).tolist() == pytest.approx([0.5, 1.5, 0])


def test_pcgrads_order_changes_from_step_to_step(loss_params):
    rows = torch.tensor([[1.0, 0.2], [-0.8, 1.0], [-0.5, -1.0]], dtype=torch.float64)
    names = ["brain-image", "image-text", "guidance"]
    theta = nn.Parameter(torch.zeros(2, dtype=torch.float64))
    balancer = build_balancer(loss_params(balancer="pcgrad"), names, {"brain": [theta]})
    found = set()
    for _ in range(12):
        balancer.backward(dict(zip(names, rows @ theta, strict=True)), None)
        found.add(tuple(round(x, 9) for x in theta.grad.tolist()))
    assert len(found) > 1


def test_mgda_by_hand(aggregate_by):
    # The shortest of w (2, 0) + (1 - w) (0, 1): w = 1/5.
    rows = torch.tensor([[2.0, 0, 0], [0, 1, 0]], dtype=torch.float64)
    assert aggregate_by("mgda")(rows).tolist() == pytest.approx([0.4, 0.8, 0], abs=1e-3)


def test_mgda_is_the_shortest_of_all_mixtures(aggregate_by):
    shares = torch.distributions.Dirichlet(torch.ones(3, dtype=torch.float64)).sample((3000,))
    for rows in JACOBIANS[:4]:
        # The library's search takes at most 100 steps, and may end a little before the shortest.
        assert aggregate_by("mgda")(rows).norm() <= 1.05 * (shares @ rows).norm(dim=1).min()


def test_upgrad_by_hand(aggregate_by):
    # g₁ = (1, 0), g₂ = (-1, 1): π takes from each its part along the other: (½, ½) and (0, 1), and the mean of both.
    rows = torch.tensor([[1.0, 0, 0], [-1, 1, 0]], dtype=torch.float64)
    assert aggregate_by("upgrad")(rows).tolist() == pytest.approx([0.25, 0.75, 0], abs=1e-3)


def test_dualproj_by_hand(aggregate_by):
    # The mean of (3, 0) and (-1, 1) is (1, ½), which conflicts with the second: less its part along it, (¾, ¾).
    rows = torch.tensor([[3.0, 0, 0], [-1, 1, 0]], dtype=torch.float64)
    assert aggregate_by("dualproj")(rows).tolist() == pytest.approx([0.75, 0.75, 0], abs=1e-3)


@pytest.mark.parametrize("c", [0.0, 0.4, 0.9])
def test_cagrad_is_the_best_worst_case_within_its_ball(aggregate_by, c):
    directions = torch.nn.functional.normalize(torch.randn(4000, 6, dtype=torch.float64), dim=1)
    for rows in JACOBIANS[:4]:
        mean, found = rows.mean(0), aggregate_by("cagrad")(rows, cagrad={"c": c})
        assert (found - mean).norm() <= c * mean.norm() + 1e-4
        others = mean + c * mean.norm() * directions
        assert (rows @ found).min() >= (others @ rows.T).min(dim=1).values.max() - 1e-4


def test_imtl_g_projects_equally_on_every_direction(aggregate_by):
    for rows in JACOBIANS[:5]:
        projections = nn.functional.normalize(rows, dim=1) @ aggregate_by("imtl-g")(rows)
        torch.testing.assert_close(projections, projections[:1].expand(len(rows)), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("scale", "of"), [("min", min), ("median", lambda s: sorted(s)[1])])
def test_aligned_mtl_brings_all_singular_values_to_one(aggregate_by, scale, of):
    for rows in JACOBIANS[:4]:
        left, singular, right = torch.linalg.svd(rows, full_matrices=False)
        expected = of(singular.tolist()) * (left @ right).mean(0)
        torch.testing.assert_close(aggregate_by("aligned-mtl")(rows, aligned_mtl={"scale": scale}), expected)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_fairgrad_solves_its_equation(loss_params, alpha):
    names = ["brain-image", "image-text", "guidance"]
    params = loss_params(balancer="fairgrad", fairgrad={"alpha": alpha})
    theta = nn.Parameter(torch.zeros(6, dtype=torch.float64))
    rows = jacobian(2)
    balancer = build_balancer(params, names, {"brain": [theta]})
    record = balancer.backward(dict(zip(names, rows @ theta, strict=True)), None)
    weights = torch.stack([record[f"weight/{name}"] for name in names])
    torch.testing.assert_close(rows @ rows.T @ weights, weights ** (-1 / alpha), rtol=1e-4, atol=1e-4)


def test_gradients_of_one_kind_do_not_disturb(aggregate_by):
    """Two equal gradients, up to float32's rounding, are no second direction."""
    row = jacobian(3, rows=1).float()
    rows = torch.cat([row, row * (1 + 1e-7)])
    for method in ("imtl-g", "aligned-mtl", "upgrad"):
        torch.testing.assert_close(aggregate_by(method)(rows), row[0], rtol=1e-2, atol=1e-3)


def test_square_root():
    rows = jacobian()
    root = square_root(rows @ rows.T)
    torch.testing.assert_close(root @ root.T, rows @ rows.T)


def test_nash_mtl_without_its_solver_says_how_to_get_it(aggregate_by, loss_params, monkeypatch):
    monkeypatch.setattr(aggregators, "find_spec", lambda name: None)
    params = loss_params(balancer="nash-mtl", objectives=["brain-image"])
    with pytest.raises(InputError, match=r"loss\.balancer is 'nash-mtl', .*pip install 'trialign\[nash-mtl\]'"):
        build_balancer(params, params.objectives, {"brain": [nn.Parameter(torch.zeros(2))]})


@ecos
@pytest.mark.filterwarnings("ignore:.*not DPP")
@pytest.mark.parametrize("max_norm", [0.0, 0.5])
def test_nash_mtl_equals_the_librarys(aggregate_by, max_norm):
    for rows in JACOBIANS:
        ours = aggregate_by("nash-mtl")(rows, nash_mtl={"max_norm": max_norm})
        torch.testing.assert_close(ours, library.NashMTL(len(rows), max_norm=max_norm)(rows), rtol=1e-4, atol=1e-5)
        assert not max_norm or ours.norm() <= max_norm + 1e-9


@ecos
def test_nash_mtl_is_fairgrad_with_alpha_one(aggregate_by):
    for rows in (jacobian(0), jacobian(1), jacobian(3)):
        ours, fair = (aggregate_by(method)(rows, nash_mtl={"max_norm": 0.0}) for method in ("nash-mtl", "fairgrad"))
        torch.testing.assert_close(*(nn.functional.normalize(x, dim=0) for x in (ours, fair)), rtol=1e-3, atol=1e-3)


def test_fairgrad_at_alpha_one_has_one_length(aggregate_by):
    """Every gain times its weight is 1, so the length squared, their sum, is K."""
    for rows in JACOBIANS[:4]:
        assert aggregate_by("fairgrad")(rows).norm().item() == pytest.approx(math.sqrt(3), rel=1e-3)
