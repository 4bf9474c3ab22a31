"""What every balancer answers: several losses in, one gradient per parameter out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from pipeline_lib.balancing.gradients import norm_of
from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.objectives.normalize import Embeddings
from pipeline_lib.objectives.params import LossParams


class Balancer(ABC):
    """Decide how several objectives share the training signal.

    Each training step calls ``record = balancer.backward(losses, embeddings)``, then the optimiser, whose step on
    branch b is to be scaled by ``balancer.step_scale(b)``; each epoch ends with ``balancer.end_epoch(row)``.

    Parameters
    ----------
    params : LossParams
    objectives : sequence of str
        The losses' names, in the order of the weights.
    branches : mapping of str to sequence of Parameter
        The model's parameters by what they serve: "brain", "image", "text", and "shared" for the rest. Some may be
        absent. Frozen parameters are left out.
    heads : sequence of Parameter
        Those of the projection heads, for balancers that measure gradients there only.

    Attributes
    ----------
    parameters : list of Parameter
        The model's, those of all branches.
    learned : list of Parameter
        The balancer's own, such as learned log variances; most have none. The model's optimiser trains them, without
        weight decay; :meth:`backward` sets their gradients too.
    """

    def __init__(
        self,
        params: LossParams,
        objectives: Sequence[str],
        branches: Mapping[str, Sequence[nn.Parameter]],
        heads: Sequence[nn.Parameter] = (),
    ) -> None:
        self.params, self.objectives = params, list(objectives)
        self.branches = {name: [p for p in branch if p.requires_grad] for name, branch in branches.items()}
        self.heads = [p for p in heads if p.requires_grad]
        self.parameters = list(dict.fromkeys(p for branch in self.branches.values() for p in branch))
        self.learned: list[nn.Parameter] = []
        self.steps = 0

    def backward(self, losses: Mapping[str, Tensor], embeddings: Embeddings) -> dict[str, Tensor]:
        """Replace ``.grad`` of all parameters by the balanced gradient of the losses.

        Parameters
        ----------
        losses : mapping of str to Tensor, shape ()
            One per objective.
        embeddings : Embeddings
            The batch that the losses were computed from.

        Returns
        -------
        dict of str to Tensor, shape ()
            What to log, detached and on the losses' device: ``weight/<objective>``, ``grad_norm/<objective>`` (before
            weighting; last measured), ``branch_norm/<branch>`` (of the balanced gradient), and the method's own.

        Raises
        ------
        InputError
            If no loss depends on any parameter.
        ValueError
            If the losses are not those of the objectives.
        """
        if set(losses) != set(self.objectives):
            raise ValueError(f"losses must be {self.objectives}, got {list(losses)}")
        if not any(loss.requires_grad for loss in losses.values()):
            raise InputError(
                f"loss.objectives: {listed(self.objectives)} leaves nothing to learn, as encoder.heads.image and .text "
                "have no parameters; name brain-image too, or choose other heads"
            )
        for parameter in [*self.parameters, *self.learned]:
            parameter.grad = None
        record = self.fill_gradients([losses[name] for name in self.objectives], embeddings)
        self.steps += 1
        for name, branch in self.branches.items():
            record[f"branch_norm/{name}"] = norm_of([p.grad for p in branch], like=losses[self.objectives[0]])
        return record

    @abstractmethod
    def fill_gradients(self, losses: list[Tensor], embeddings: Embeddings) -> dict[str, Tensor]:
        """Set ``.grad`` of :attr:`parameters`, which are None, and return what to log; losses in objectives' order."""

    def step_scale(self, branch: str) -> Tensor | float:
        """The factor on the optimiser's next step of a branch's parameters. Defaults to 1."""
        return 1.0

    def end_epoch(self, row: Mapping[str, float]) -> None:  # noqa: B027  most balancers take none
        """Take note of an epoch's means, ``train/<objective>`` among them. Defaults to nothing."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs to go on as if it had not stopped: numbers and tensors. Defaults to the steps."""
        return {"steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up a state that :meth:`state_dict` gave."""
        self.steps = state["steps"]

    def named(self, prefix: str, values: Tensor) -> dict[str, Tensor]:
        """``{"<prefix>/<objective>": value}`` for values of shape (n_objectives,)."""
        return {f"{prefix}/{name}": value for name, value in zip(self.objectives, values.detach(), strict=True)}
