"""What a balancer may promise about the gradient that it makes of several, by name.

Each takes ``aggregate(jacobian, **changes)``: the balanced gradient, shape (n_parameters,), of objectives whose
gradients are the rows of `jacobian`. Each method's tests list the properties that it claims.
"""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize


def jacobian(seed: int = 0, rows: int = 3, columns: int = 6) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, columns, generator=generator, dtype=torch.float64)


JACOBIANS = [
    *(jacobian(seed) for seed in range(4)),
    jacobian(4, rows=2),
    jacobian(5, rows=5),
    jacobian(6) + 1,
    torch.tensor([[-4.0, 1, 1, 0, 0, 0], [6, 1, 1, 0, 0, 0]], dtype=torch.float64),
]


def assert_order_of_objectives_does_not_matter(aggregate):
    for rows in JACOBIANS:
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(1))
        torch.testing.assert_close(aggregate(rows[order]), aggregate(rows), rtol=1e-3, atol=1e-3)


def assert_scales_with_all_losses(aggregate):
    """Multiplying all losses by one number multiplies the gradient by it, however small or large it is."""
    for rows in JACOBIANS:
        plain = aggregate(rows)
        for factor in (1e-6, 1e-3, 1e3):
            torch.testing.assert_close(aggregate(factor * rows), factor * plain, rtol=1e-4, atol=1e-6 * factor)


def assert_direction_ignores_each_losses_scale(aggregate):
    for rows in JACOBIANS[:5]:
        factors = torch.tensor([0.1, 3.0, 20.0, 1.0, 1.0], dtype=torch.float64)[: len(rows), None]
        one, other = (normalize(aggregate(matrix), dim=0) for matrix in (rows, factors * rows))
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def assert_one_objective_keeps_its_gradient(aggregate):
    for factor in (1e-4, 1.0, 10.0):
        rows = factor * jacobian(rows=1)
        torch.testing.assert_close(aggregate(rows), rows[0], rtol=1e-4, atol=0)


def assert_one_objective_keeps_its_direction(aggregate):
    rows = jacobian(rows=1)
    torch.testing.assert_close(normalize(aggregate(rows), dim=0), normalize(rows[0], dim=0))


def assert_harms_no_objective(aggregate):
    """A small step against the gradient makes no loss larger."""
    for rows in JACOBIANS:
        assert ((rows @ aggregate(rows)) >= -1e-3 * rows.norm() ** 2).all()


def assert_stops_where_objectives_oppose_each_other(aggregate):
    """At a Pareto point of two objectives, no direction helps both."""
    row = jacobian(rows=1)
    assert aggregate(torch.cat([row, -2 * row])).norm() < 1e-3 * row.norm()


def assert_leaves_agreeing_gradients_their_mean_direction(aggregate):
    """Orthogonal gradients of one length do not conflict."""
    rows = torch.eye(6, dtype=torch.float64)[:3]
    torch.testing.assert_close(normalize(aggregate(rows), dim=0), normalize(rows.sum(0), dim=0), rtol=1e-3, atol=1e-3)


def assert_objectives_without_gradient_have_no_say(aggregate):
    rows = jacobian()
    with_nothing = torch.cat([rows, torch.zeros(1, 6, dtype=torch.float64)])
    torch.testing.assert_close(
        normalize(aggregate(with_nothing), dim=0), normalize(aggregate(rows), dim=0), rtol=1e-6, atol=1e-6
    )


def assert_no_gradient_at_all_is_zero(aggregate):
    assert aggregate(torch.zeros(3, 6, dtype=torch.float64)).tolist() == [0] * 6


def assert_not_a_number_is_passed_on(aggregate):
    """Nothing raises: the trainer says which loss it was."""
    rows = jacobian()
    rows[1, 2] = torch.nan
    assert aggregate(rows).isnan().any()


PROPERTIES = {name: check for name, check in list(globals().items()) if name.startswith("assert_")}


def claims(**of_methods: list[str]):
    """Parametrise a test with (method, property) for each property that a method claims, named without `assert_`."""
    pairs = [(method.replace("_", "-"), name) for method, names in of_methods.items() for name in names]
    checks = [(method, PROPERTIES[f"assert_{name}"]) for method, name in pairs]
    return pytest.mark.parametrize(("method", "check"), checks, ids=["-".join(pair) for pair in pairs])
