"""What HMAVD's adapter promises."""

import pytest
import torch

from pipeline_lib.encoders.adapter import Adapter


@pytest.fixture
def adapter():
    """An adapter in float64 whose every parameter matters."""

    def make(dim=6, width=3, **changes):
        torch.manual_seed(0)
        values = {"alpha": 0.2, "beta": 0.5, "bias": True, "dropout": 0.0, "second_activation": False}
        made = Adapter(dim, width, **{**values, **changes}).double()
        for parameter in made.parameters():
            torch.nn.init.normal_(parameter)
        return made

    return make


def plain_adapted(adapter, x, *, alpha, second_activation):
    """The definition, one number at a time."""
    hidden = []
    for j, row in enumerate(adapter.down.weight.tolist()):
        z = sum(w * v for w, v in zip(row, x, strict=True))
        hidden.append(max(0.0, z if adapter.down.bias is None else z + adapter.down.bias[j].item()))
    result = []
    for i, row in enumerate(adapter.up.weight.tolist()):
        detour = sum(w * h for w, h in zip(row, hidden, strict=True))
        if second_activation:
            detour = max(0.0, detour)
        result.append(x[i] + alpha * detour + (0.0 if adapter.shift is None else adapter.shift[i].item()))
    return result


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("second_activation", [False, True])
def test_equals_the_definition(adapter, bias, second_activation):
    made = adapter(alpha=0.3, bias=bias, second_activation=second_activation)
    features = torch.randn(5, 6, dtype=torch.float64)
    plain = [plain_adapted(made, x, alpha=0.3, second_activation=second_activation) for x in features.tolist()]
    expected = torch.tensor(plain, dtype=torch.float64)
    torch.testing.assert_close(made.adapted(features), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(made(features), 0.5 * expected + 0.5 * features, rtol=1e-12, atol=1e-12)


def test_by_hand():
    # x = (1, 2): W1 x + b1 = (1 - 2 + 0.5, 1 + 2 + 1) = (-0.5, 4), ReLU (0, 4), W2 (0, 4) = (8, -4), b2 = (10, 20).
    made = Adapter(2, 2, alpha=0.25, beta=0.5, bias=True, dropout=0.0, second_activation=False)
    with torch.no_grad():
        made.down.weight.copy_(torch.tensor([[1.0, -1.0], [1.0, 1.0]]))
        made.down.bias.copy_(torch.tensor([0.5, 1.0]))
        made.up.weight.copy_(torch.tensor([[1.0, 2.0], [1.0, -1.0]]))
        made.shift.copy_(torch.tensor([10.0, 20.0]))
    x = torch.tensor([[1.0, 2.0]])
    assert made.adapted(x).tolist() == [[1 + 0.25 * 8 + 10, 2 - 0.25 * 4 + 20]]
    assert made(x).tolist() == [[0.5 * 13 + 0.5 * 1, 0.5 * 21 + 0.5 * 2]]


def test_images_have_no_bias_and_no_fusion(adapter):
    made = adapter(bias=False, beta=1.0)
    assert set(dict(made.named_parameters())) == {"down.weight", "up.weight"}
    features = torch.randn(4, 6, dtype=torch.float64)
    assert torch.equal(made(features), made.adapted(features))


def test_starts_close_to_the_features():
    torch.manual_seed(0)
    made = Adapter(512, 32, alpha=0.2, beta=0.5, bias=True, dropout=0.0, second_activation=False)
    features = torch.nn.functional.normalize(torch.randn(10, 512), dim=1)
    assert (made(features) - features).norm(dim=1).max() < 0.01


def test_scale_without_a_bias_passes_through(adapter):
    """Linear maps and a ReLU: twice the features give twice the outcome."""
    made = adapter(bias=False)
    features = torch.randn(4, 6, dtype=torch.float64)
    torch.testing.assert_close(made(2 * features), 2 * made(features))


def test_dropout_acts_on_the_detour_in_training_only(adapter):
    made = adapter(dim=8, width=64, dropout=0.5)
    features = torch.randn(4, 8, dtype=torch.float64)
    assert not torch.equal(made(features), made(features))
    made.eval()
    assert torch.equal(made(features), made(features))
    torch.nn.init.zeros_(made.train().up.weight)
    assert torch.equal(made(features), made(features))


def test_every_parameter_learns(adapter):
    made = adapter()
    made(torch.randn(8, 6, dtype=torch.float64)).square().sum().backward()
    assert all(parameter.grad.norm() > 0 for parameter in made.parameters())
