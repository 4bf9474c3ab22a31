"""The losses' graph, cut below some parameters, so that the part underneath is gone through once for all losses."""

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, Node, get_gradient_edge

from pipeline_lib.balancing.gradients import Gradients, combined, gradients_of, join

Edge = tuple[Node, int]


class Cut(NamedTuple):
    """Where a graph is cut.

    Attributes
    ----------
    above : list of Parameter
        Whose gradients are complete above the cut; those asked for come first.
    edges : list of GradientEdge
        Into what lies below.
    """

    above: list[nn.Parameter]
    edges: list[GradientEdge]

    def gradients_of(self, losses: Sequence[Tensor]) -> list[Gradients]:
        """Each loss's gradients with respect to the parameters above, then to the edges; the graph is kept."""
        return gradients_of(losses, [*self.above, *self.edges], keep_graph=True)

    def join(self, parameters: Sequence[nn.Parameter], gradients: Sequence[Gradients], weights: Tensor) -> None:
        """Set every parameter's ``.grad`` to Σ_k w_k ∇L_k, by one backward pass through what lies below the cut."""
        count = len(self.above)
        join(self.above, [of_loss[:count] for of_loss in gradients], weights)
        below = combined([of_loss[count:] for of_loss in gradients], weights)
        reached = [(edge, gradient) for edge, gradient in zip(self.edges, below, strict=True) if gradient is not None]
        rest = [parameter for parameter in parameters if parameter not in set(self.above)]
        if reached and rest:
            torch.autograd.backward(*zip(*reached, strict=True), inputs=rest)


def cut_below(heads: Sequence[nn.Parameter], losses: Iterable[Tensor], parameters: Iterable[nn.Parameter]) -> Cut:
    """Cut the graph of `losses` where no path leads on to any of `heads`, nor from one edge of the cut to another.

    Parameters
    ----------
    heads : sequence of Parameter
    losses : iterable of Tensor
    parameters : iterable of Parameter
        All whose gradients are wanted, heads or not.
    """
    roots = [loss.grad_fn for loss in losses if loss.grad_fn is not None]
    leaves = {get_gradient_edge(parameter).node: parameter for parameter in [*heads, *parameters]}
    crossed = _crossed(roots, [get_gradient_edge(head).node for head in heads], leaves)
    beside = [leaves[node] for node, _ in crossed if node in leaves]
    edges = [GradientEdge(node, position) for node, position in crossed if node not in leaves]
    return Cut(list(dict.fromkeys([*heads, *beside])), edges)


def _crossed(roots: Sequence[Node], ends: Sequence[Node], leaves: Container[Node]) -> list[Edge]:
    """The edges by which the part of the graph that leads to `ends` is left; those into `leaves` lead nowhere else."""
    users, found = _users(roots), dict.fromkeys(ends)
    while True:
        upper = _leading_to(found, users)
        edges = [(root, 0) for root in roots] + [edge for node in upper for edge in _inputs(node)]
        crossed = [edge for edge in dict.fromkeys(edges) if edge[0] not in upper]
        below = dict.fromkeys(node for node, _ in crossed if node not in leaves)
        if below.keys() <= found.keys():
            return crossed
        found |= below  # a path from one edge to another would be counted twice: what leads to any belongs above


def _inputs(node: Node) -> list[Edge]:
    return [(below, position) for below, position in node.next_functions if below is not None]


def _users(roots: Iterable[Node]) -> dict[Node, list[Node]]:
    """For every node of a graph, the nodes that hand gradients to it."""
    users: dict[Node, list[Node]] = defaultdict(list)
    seen, waiting = set(roots), list(roots)
    while waiting:
        node = waiting.pop()
        for below, _ in _inputs(node):
            users[below].append(node)
            if below not in seen:
                seen.add(below)
                waiting.append(below)
    return users


def _leading_to(ends: Iterable[Node], users: dict[Node, list[Node]]) -> dict[Node, None]:
    """The nodes from which a backward pass comes to one of `ends`, in a fixed order."""
    found: dict[Node, None] = {}
    waiting = list(ends)
    while waiting:
        for node in users.get(waiting.pop(), ()):
            if node not in found:
                found[node] = None
                waiting.append(node)
    return found
