"""A small model with three branches, and a plain way to its gradients."""

import copy
from importlib.util import find_spec

import pytest
import torch
from torch import nn

from pipeline_lib.balancing.build import BALANCERS, build_balancer
from pipeline_lib.common.params import validated
from pipeline_lib.objectives.logit_scale import LogitScale
from pipeline_lib.objectives.normalize import Embeddings, embed
from pipeline_lib.objectives.params import LossParams
from pipeline_lib.objectives.terms import objective_terms


class Toy(nn.Module):
    """An encoder for the brain, one linear head each for brain, image and text, and a learned logit scale."""

    def __init__(self, n_items=6, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.encoder = nn.Sequential(nn.Linear(7, 5), nn.Tanh())
        self.brain, self.image, self.text = nn.Linear(5, 4), nn.Linear(6, 4), nn.Linear(3, 4)
        self.scale = LogitScale("learned", 0.3)
        self.double()
        self.data = [torch.randn(n_items, width, dtype=torch.float64) for width in (7, 6, 3)]

    @property
    def branches(self):
        return {
            "brain": [*self.encoder.parameters(), *self.brain.parameters()],
            "image": list(self.image.parameters()),
            "text": list(self.text.parameters()),
            "shared": list(self.scale.parameters()),
        }

    @property
    def heads(self):
        return [p for head in (self.brain, self.image, self.text) for p in head.parameters()]

    def embeddings(self, mode="both"):
        brain, image, text = self.data
        return embed(self.brain(self.encoder(brain)), self.image(image), self.text(text), self.scale(), mode=mode)

    def step(self, params):
        """A batch's losses and embeddings."""
        embeddings = self.embeddings(params.normalize)
        return objective_terms(params, embeddings), embeddings

    def balancer(self, params):
        return build_balancer(params, params.objectives, self.branches, self.heads)

    def gradients(self):
        return {name: None if p.grad is None else p.grad.clone() for name, p in self.named_parameters()}


@pytest.fixture
def toy():
    return Toy()


@pytest.fixture
def make_toy():
    return Toy


@pytest.fixture
def plain_gradients():
    """For each loss by itself: the gradient of each parameter, from a copy of the model; zeros where not reached."""

    def compute(toy, params):
        result = {}
        for name in params.objectives:
            twin = copy.deepcopy(toy)
            losses, _ = twin.step(params)
            losses[name].backward()
            result[name] = {k: torch.zeros_like(p) if p.grad is None else p.grad for k, p in twin.named_parameters()}
        return result

    return compute


@pytest.fixture
def loss_params(params):
    """The shipped section `loss` with values replaced; those of a part are merged into it."""

    def make(**changes):
        section = params["loss"]
        for key, value in changes.items():
            section[key] = section[key] | value if isinstance(value, dict) else value
        return validated({"loss": section}, "loss", LossParams)

    return make


NAMES = ["brain-image", "image-text", "guidance", "brain-text", "consistency", "adapter-consistency"]


@pytest.fixture
def aggregate_by(loss_params):
    """For a method's name: the balanced gradient of losses L_k = 1 + J_k θ at θ = 0, whose gradients are J's rows."""

    def of_method(method):
        if method == "nash-mtl" and find_spec("ecos") is None:
            pytest.skip("needs the extra nash-mtl")

        def aggregate(jacobian, **changes):
            names = NAMES[: len(jacobian)]
            params = loss_params(balancer=method, objectives=names, **changes)
            brain, image = (nn.Parameter(torch.zeros(n, dtype=jacobian.dtype)) for n in (2, jacobian.shape[1] - 2))
            balancer = build_balancer(params, names, {"brain": [brain], "image": [image]}, [image])
            losses = 1 + jacobian @ torch.cat([brain, image])
            same = Embeddings(*torch.eye(3, dtype=jacobian.dtype).expand(2, 3, 3), None, torch.tensor(1.0))
            balancer.backward(dict(zip(names, losses, strict=True)), same)
            return torch.cat([brain.grad, image.grad])

        return aggregate

    return of_method


@pytest.fixture(params=list(BALANCERS))
def balancer_name(request):
    """Each balancer in turn, where what it needs is installed."""
    if request.param == "nash-mtl" and find_spec("ecos") is None:
        pytest.skip("needs the extra nash-mtl")
    return request.param
