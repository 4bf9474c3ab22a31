"""Fit a model: whole-device batches, a balancer that shares the gradients, the epoch of lowest validation loss.

The test partition is unknown here: nothing in this room can open it.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pipeline_lib.balancing.build import build_balancer
from pipeline_lib.balancing.spr import GradientNoise
from pipeline_lib.common.progress import progress
from pipeline_lib.objectives.normalize import Embeddings
from pipeline_lib.training.base import Model
from pipeline_lib.training.checkpoints import Checkpoints
from pipeline_lib.training.data import TrainingData
from pipeline_lib.training.distributed import Processes
from pipeline_lib.training.losses import batch_losses
from pipeline_lib.training.non_finite import check_finite
from pipeline_lib.training.optimizer import build_optimizer
from pipeline_lib.training.precision import LossScale, check_precision
from pipeline_lib.training.resuming import on_device, random_state, restore_random_state
from pipeline_lib.training.settings import Settings
from pipeline_lib.training.view_choice import ViewChoice

Row = dict[str, float]


@dataclass(frozen=True)
class Fit:
    """What came out of a fit: the history, one row per epoch, and the epoch whose weights the model now holds."""

    history: list[Row]
    best_epoch: int


@dataclass
class Best:
    """The epoch of lowest validation loss so far, and the model's state after it."""

    epoch: int = 0
    loss: float = float("inf")
    weights: dict[str, Tensor] | None = None


class Trainer:
    """Trains one model on one set of data.

    Parameters
    ----------
    model : Model
        On the device on which it is trained.
    settings : Settings
    train, valid : TrainingData
        Prepared by the model's encoder, on the model's device.
    n_epochs : int
        At most; ``train.patience`` may end it sooner.
    generator : torch.Generator
        On the CPU; orders the batches, so that the order does not depend on the device.
    processes : Processes, optional
        Those that train together, all with the same model, data and generator. Defaults to this one alone.

    Raises
    ------
    InputError
        If the device does not have the precision, or there are too many processes for a batch.
    """

    def __init__(
        self,
        model: Model,
        settings: Settings,
        train: TrainingData,
        valid: TrainingData,
        n_epochs: int,
        generator: torch.Generator,
        processes: Processes | None = None,
    ) -> None:
        self.model, self.settings, self.train, self.valid = model, settings, train, valid
        self.n_epochs, self.generator = n_epochs, generator
        self.processes = processes or Processes(train.brain.device)
        self.n_batches = -(-len(train) // settings.train.batch_size)
        self.processes.check_batch(len(train) // self.n_batches)
        check_precision(settings.train.precision, train.brain.device)
        loss, branches = settings.loss, model.branches()
        self.balancer = build_balancer(loss, objectives=loss.objectives, branches=branches, heads=model.heads())
        self.optimizer = build_optimizer(branches, settings.train, self.balancer.learned)
        self.noise = GradientNoise(loss.spr, self.n_batches * n_epochs, generator)
        self.loss_scale = LossScale(self.balancer.parameters, enabled=settings.train.precision == "float16")
        self.processes.average_gradients(self.balancer.parameters)
        self.choice = build_choice(settings, train)
        self.n_steps = 0
        self.history: list[Row] = []
        self.best = Best()
        self.kept = ""

    def fit(self, label: str, checkpoints: Checkpoints | None = None) -> Fit:
        """Train for all epochs, or until patience ends, then put the weights of the best epoch back into the model.

        Parameters
        ----------
        label : str
            Of the progress bar.
        checkpoints : Checkpoints, optional
            Where to go on from, and where to leave the state every ``train.checkpoint_every`` epochs.

        Raises
        ------
        InputError
            If a loss or gradient becomes NaN or infinite; the last checkpoint stays.
        """
        every = self.settings.train.checkpoint_every if checkpoints else None
        if every and (found := self.processes.agreed(checkpoints.load() if self.processes.first else None)):
            self.load_state_dict(found)
            self.kept = f"the checkpoint of epoch {len(self.history)} is kept in {checkpoints.path}"
        epochs = range(len(self.history) + 1, self.n_epochs + 1)
        for epoch in progress(epochs, label=label, unit="epoch") if self.processes.first else epochs:
            self._run_epoch(epoch)
            if self.is_out_of_patience():
                break
            if every and epoch % every == 0 and epoch < self.n_epochs:
                self._keep(epoch, checkpoints)
        self.model.load_state_dict(self.best.weights)
        return Fit(self.history, self.best.epoch)

    def is_out_of_patience(self) -> bool:
        """Whether the validation loss has not been lower for ``train.patience`` epochs."""
        patience = self.settings.train.patience
        return patience is not None and len(self.history) - self.best.epoch >= patience

    def train_epoch(self) -> Row:
        """One pass over the training samples; the means over its steps."""
        self.model.train()
        order = torch.randperm(len(self.train), generator=self.generator)
        # Even parts rather than a small rest: a contrastive loss over a handful of pairs is another loss.
        batches = [rows.to(self.train.brain.device) for rows in order.tensor_split(self.n_batches)]
        records = [self.step(rows) for rows in batches]
        check_finite(len(self.history) + 1, records, batches, self.train, kept=self.kept)
        self.processes.average_buffers(self.model)
        means = {key: torch.stack([record[key] for record in records]).mean() for key in records[0]}
        return {key: float(value) for key, value in means.items()}

    def step(self, rows: Tensor) -> dict[str, Tensor]:
        """One optimiser step on the given samples; what it logs, still on the device."""
        losses, record, embeddings = self.gradients(rows)
        self.noise.apply(self.n_steps, list(self.model.parameters()))
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.train.learning_rate * self.balancer.step_scale(group["branch"])
        self.optimizer.step()
        self.n_steps += 1
        logged = {f"train/{name}": loss.detach() for name, loss in losses.items()}
        shares = {}
        if self.choice:
            shares = self.choice.shares(rows)
            self.choice.update(rows, embeddings.brain, embeddings.image)
        return {**logged, **record, **self.model.logged(embeddings), **shares}

    def gradients(self, rows: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor], Embeddings]:
        """Set the parameters' gradients; the losses, what the balancer logs, and the embeddings of the samples.

        In float16, it is done again with a smaller loss scale as long as gradients overflow.
        """
        while True:
            losses, embeddings = self.losses(self.train, rows, self.choice and self.choice.view)
            before = deepcopy(self.balancer.state_dict()) if self.loss_scale.enabled else {}
            record = self.balancer.backward(self.loss_scale.scaled(losses), embeddings)
            if self.loss_scale.is_good(losses):
                return losses, record, embeddings
            self.balancer.load_state_dict(before)

    @torch.no_grad()
    def validate(self) -> Row:
        """The losses on the validation part, in one batch; of chosen views it is matched with the middle one."""
        self.model.eval()
        rows = torch.arange(len(self.valid), device=self.valid.brain.device)
        losses, _ = self.losses(self.valid, rows)
        row = {f"valid/{name}": loss for name, loss in losses.items()}
        check_finite(len(self.history) + 1, [row], [rows], self.valid, kept=self.kept)
        row = {name: float(loss) for name, loss in row.items()}
        total = sum(row.values()) / len(row)
        chosen = row.get("valid/brain-image", total) if self.settings.train.validation.loss == "brain-image" else total
        return self.processes.agreed({**row, "valid/loss": chosen})

    def losses(
        self, data: TrainingData, rows: Tensor, view: Tensor | None = None
    ) -> tuple[dict[str, Tensor], Embeddings]:
        """The named losses of some samples, and the embeddings they came from."""
        return batch_losses(self.model, self.settings, data, rows, self.processes, view)

    def state_dict(self) -> dict[str, Any]:
        """All that training goes on from, in numbers and tensors; to be called in all processes together."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "balancer": self.balancer.state_dict(),
            "loss_scale": self.loss_scale.state_dict(),
            "choice": self.choice.state_dict() if self.choice else None,
            "generator": self.generator.get_state(),
            "random": self.processes.everyones(random_state(self.train.brain.device)),
            "n_steps": self.n_steps,
            "history": self.history,
            "best": vars(self.best),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a state that :meth:`state_dict` gave, on whatever device it lies."""
        device = self.train.brain.device
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.balancer.load_state_dict(on_device(state["balancer"], device))
        self.loss_scale.load_state_dict(state["loss_scale"])
        if self.choice:
            self.choice.load_state_dict(on_device(state["choice"], device))
        self.generator.set_state(state["generator"])
        restore_random_state(state["random"][self.processes.rank], device)
        self.n_steps, self.history = state["n_steps"], state["history"]
        self.best = Best(**on_device(state["best"], device))

    def _run_epoch(self, epoch: int) -> None:
        self.model.begin_epoch(epoch)
        trained = self.train_epoch()
        self.balancer.end_epoch(trained)
        row = {"epoch": epoch, **trained, **self.validate()}
        self.history.append(row)
        if row["valid/loss"] < self.best.loss:
            self.best = Best(epoch, row["valid/loss"], _copied(self.model))

    def _keep(self, epoch: int, checkpoints: Checkpoints) -> None:
        state = self.state_dict()
        if self.processes.first:
            checkpoints.save(epoch, state)
        self.kept = f"the checkpoint of epoch {epoch} is kept in {checkpoints.path}"


def build_choice(settings: Settings, train: TrainingData) -> ViewChoice | None:
    """What chooses each training sample's view; None where the target is fixed."""
    views = train.features.views
    return ViewChoice(settings.target.uncertainty, views, len(train), train.brain.device) if views else None


def _copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
