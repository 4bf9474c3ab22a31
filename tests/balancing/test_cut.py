"""What cutting a graph below the heads promises: plain gradients, and what lies below gone through once."""

import copy

import pytest
import torch
from torch import nn

from pipeline_lib.balancing.build import build_balancer
from pipeline_lib.balancing.cut import cut_below


class Counting(torch.autograd.Function):
    """The identity, which counts its backward passes."""

    passes = 0

    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        Counting.passes += 1
        return gradient


class Net(nn.Module):
    """A body, a head, and a parameter `loose` that is used by the losses directly."""

    def __init__(self, n_layers=2):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(*(nn.Linear(3, 3) for _ in range(n_layers)))
        self.head = nn.Linear(3, 3)
        self.loose = nn.Parameter(torch.tensor(0.5))
        self.double()
        self.data = torch.randn(5, 3, dtype=torch.float64)

    def losses(self):
        hidden = Counting.apply(self.body(self.data))
        out = self.head(hidden) * self.loose
        return [(out**2).mean(), out.abs().sum(), (out - hidden).exp().mean(), hidden.cos().sum()]


def plain(net, weights):
    twin = copy.deepcopy(net)
    sum(w * loss for w, loss in zip(weights, twin.losses(), strict=True)).backward()
    return {name: p.grad for name, p in twin.named_parameters()}


def joined(net, heads, weights):
    losses, parameters = net.losses(), list(net.parameters())
    cut = cut_below(heads, losses, parameters)
    cut.join(parameters, cut.gradients_of(losses), torch.tensor(weights, dtype=torch.float64))
    return {name: p.grad for name, p in net.named_parameters()}


WEIGHTS = [0.5, 2.0, -1.0, 3.0]


@pytest.mark.parametrize("heads", ["head", "body.1", "body.0", "loose"])
def test_joined_gradients_are_the_plain_ones(heads):
    """Also where the head has a parameter beside it, below it or above it, and where losses go past it."""
    net = Net()
    wanted = [p for name, p in net.named_parameters() if name.startswith(heads)]
    expected = plain(net, WEIGHTS)
    for name, gradient in joined(net, wanted, WEIGHTS).items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-10, atol=1e-12)


def test_a_weight_that_head_and_body_share(loss_params):
    net = Net()
    net.head.weight = net.body[0].weight
    expected = plain(net, WEIGHTS)
    for name, gradient in joined(net, list(net.head.parameters()), WEIGHTS).items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-10, atol=1e-12)


def test_each_losses_gradient_of_the_heads():
    net = Net()
    losses, heads = net.losses(), list(net.head.parameters())
    found = cut_below(heads, losses, list(net.parameters())).gradients_of(losses)
    for loss, gradients in zip(losses, found, strict=True):
        expected = torch.autograd.grad(loss, heads, retain_graph=True, allow_unused=True)
        for one, other in zip(gradients[:2], expected, strict=True):
            assert one is other is None or torch.equal(one, other)


def test_what_lies_below_is_gone_through_once():
    net = Net()
    Counting.passes = 0
    joined(net, list(net.head.parameters()), WEIGHTS)
    assert Counting.passes == 1


def test_dla_over_heads_goes_through_the_encoder_once(loss_params):
    net, names = Net(), ["brain-image", "image-text", "guidance", "brain-text"]
    params = loss_params(balancer="dla", objectives=names, dla={"scope": "heads"})
    balancer = build_balancer(params, names, {"brain": list(net.parameters())}, list(net.head.parameters()))
    Counting.passes = 0
    balancer.backward(dict(zip(names, net.losses(), strict=True)), None)
    assert Counting.passes == 1


def test_a_graph_deeper_than_pythons_stack():
    net = Net(n_layers=2000)
    heads = list(net.head.parameters())
    assert all(gradient is not None for gradient in joined(net, heads, WEIGHTS).values())


def test_frozen_bodies_and_constant_losses():
    net = Net()
    net.body.requires_grad_(False)
    heads = list(net.head.parameters())
    losses = [*net.losses()[:2], torch.tensor(1.0, dtype=torch.float64)]
    cut = cut_below(heads, losses, [*heads, net.loose])
    gradients = cut.gradients_of(losses)
    assert not cut.edges
    assert all(gradient is None for gradient in gradients[2])
    cut.join([*heads, net.loose], gradients, torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(net.head.weight.grad, plain(net, [1, 1, 0, 0])["head.weight"])


def test_hooks_see_each_parameters_gradient_once(loss_params):
    """Several processes average, and float16 unscales, what arrives at a parameter."""
    net = Net()
    expected = plain(net, WEIGHTS)
    for parameter in net.parameters():
        parameter.register_hook(lambda gradient: gradient / 8)
    for name, gradient in joined(net, list(net.head.parameters()), WEIGHTS).items():
        torch.testing.assert_close(gradient, expected[name] / 8, rtol=1e-10, atol=1e-12)
