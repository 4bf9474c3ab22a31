"""Fit a model: whole-device batches, a balancer that shares the gradients, the epoch of lowest validation loss.

The test partition is unknown here: nothing in this room can open it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline_lib.balancing.build import build_balancer
from pipeline_lib.balancing.spr import GradientNoise
from pipeline_lib.common.errors import InputError
from pipeline_lib.common.progress import progress
from pipeline_lib.objectives.normalize import Embeddings, embed
from pipeline_lib.objectives.terms import objective_terms
from pipeline_lib.training.data import TrainingData
from pipeline_lib.training.model import AlignmentModel
from pipeline_lib.training.params import TrainParams, WeightDecay
from pipeline_lib.training.settings import Settings

Row = dict[str, float]


@dataclass(frozen=True)
class Fit:
    """What came out of a fit: the history, one row per epoch, and the epoch whose weights the model now holds."""

    history: list[Row]
    best_epoch: int


class Trainer:
    """Trains one model on one set of data.

    Parameters
    ----------
    model : AlignmentModel
        On the device on which it is trained.
    settings : Settings
    train, valid : TrainingData
        Prepared by the model's encoder, on the model's device.
    n_epochs : int
    generator : torch.Generator
        On the CPU; orders the batches, so that the order does not depend on the device.
    """

    def __init__(
        self,
        model: AlignmentModel,
        settings: Settings,
        train: TrainingData,
        valid: TrainingData,
        n_epochs: int,
        generator: torch.Generator,
    ) -> None:
        self.model, self.settings, self.train, self.valid = model, settings, train, valid
        self.n_epochs, self.generator = n_epochs, generator
        self.n_batches = -(-len(train) // settings.train.batch_size)
        loss, branches = settings.loss, model.branches()
        self.optimizer = build_optimizer(branches, settings.train)
        self.balancer = build_balancer(loss, objectives=loss.objectives, branches=branches, heads=model.heads())
        self.noise = GradientNoise(loss.spr, self.n_batches * n_epochs, generator)
        self.n_steps = 0

    def fit(self, label: str) -> Fit:
        """Train for all epochs, then put the weights of the best epoch back into the model."""
        history: list[Row] = []
        lowest, best_epoch, best_state = float("inf"), 0, {}
        for epoch in progress(range(1, self.n_epochs + 1), label=label, unit="epoch"):
            row = {"epoch": epoch, **self.train_epoch(), **self.validate()}
            _check_finite(row)
            history.append(row)
            if row["valid/loss"] < lowest:
                lowest, best_epoch, best_state = row["valid/loss"], epoch, _copied(self.model)
        self.model.load_state_dict(best_state)
        return Fit(history, best_epoch)

    def train_epoch(self) -> Row:
        """One pass over the training samples; the means over its steps."""
        self.model.train()
        order = torch.randperm(len(self.train), generator=self.generator)
        # Even parts rather than a small rest: a contrastive loss over a handful of pairs is another loss.
        records = [self.step(rows.to(self.train.brain.device)) for rows in order.tensor_split(self.n_batches)]
        means = {key: torch.stack([record[key] for record in records]).mean() for key in records[0]}
        return {key: float(value) for key, value in means.items()}

    def step(self, rows: Tensor) -> dict[str, Tensor]:
        """One optimiser step on the given samples; what it logs, still on the device."""
        losses, embeddings = self.losses(self.train, rows)
        record = self.balancer.backward(losses, embeddings)
        self.noise.apply(self.n_steps, list(self.model.parameters()))
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.train.learning_rate * self.balancer.step_scale(group["branch"])
        self.optimizer.step()
        self.n_steps += 1
        logged = {f"train/{name}": loss.detach() for name, loss in losses.items()}
        return {**logged, **record, "logit_scale": embeddings.logit_scale.detach()}

    @torch.no_grad()
    def validate(self) -> Row:
        """The losses on the validation part, in one batch."""
        self.model.eval()
        losses, _ = self.losses(self.valid, torch.arange(len(self.valid), device=self.valid.brain.device))
        row = {f"valid/{name}": float(loss) for name, loss in losses.items()}
        total = sum(row.values()) / len(row)
        chosen = row.get("valid/brain-image", total) if self.settings.train.validation.loss == "brain-image" else total
        return {**row, "valid/loss": chosen}

    def losses(self, data: TrainingData, rows: Tensor) -> tuple[dict[str, Tensor], Embeddings]:
        """The named losses of some samples, and the embeddings they came from."""
        model, loss, items = self.model, self.settings.loss, data.item[rows]
        text = data.features.text
        embeddings = embed(
            model.embed_brain(data.brain[rows]),
            model.embed_image(data.features.image[items]),
            None if text is None else model.embed_text(text[items]),
            model.logit_scale(),
            mode=loss.normalize,
        )
        return objective_terms(loss, embeddings, concepts=data.concept[items]), embeddings


def build_optimizer(branches: dict[str, list[nn.Parameter]], params: TrainParams) -> torch.optim.Optimizer:
    """Adam or AdamW with one parameter group per branch; each group knows its branch's name.

    Adam, as in HMAVD and NICE, takes no weight decay; parameters of no single branch (the logit scale) never decay.
    """
    decays = params.weight_decay if params.optimizer == "adamw" else WeightDecay(brain=0, image=0, text=0)
    groups = [
        {"params": parameters, "branch": branch, "weight_decay": getattr(decays, branch, 0.0)}
        for branch, parameters in branches.items()
    ]
    return torch.optim.AdamW(groups, lr=params.learning_rate, betas=params.betas)


def _copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _check_finite(row: Row) -> None:
    for name, value in row.items():
        if value != value or value in (float("inf"), float("-inf")):
            raise InputError(
                f"training broke off at epoch {row['epoch']}: {name} is {value}; lower train.learning_rate or "
                "loss.spr.sigma_max, and check the epochs with 'trialign check'"
            )
