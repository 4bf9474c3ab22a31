"""Adam or AdamW, with one group of parameters per modality."""

from collections.abc import Sequence

import torch
from torch import nn

from pipeline_lib.training.params import TrainParams, WeightDecay


def build_optimizer(
    branches: dict[str, list[nn.Parameter]], params: TrainParams, learned: Sequence[nn.Parameter] = ()
) -> torch.optim.Optimizer:
    """Adam or AdamW with one parameter group per branch; each group knows its branch's name.

    Adam, as in HMAVD and NICE, takes no weight decay; parameters of no single branch (the logit scale, and what the
    balancer has `learned` itself) never decay.
    """
    if learned:
        branches = branches | {"balancer": list(learned)}
    decays = params.weight_decay if params.optimizer == "adamw" else WeightDecay(brain=0, image=0, text=0)
    groups = [
        {"params": parameters, "branch": branch, "weight_decay": getattr(decays, branch, 0.0)}
        for branch, parameters in branches.items()
    ]
    return torch.optim.AdamW(groups, lr=params.learning_rate, betas=params.betas)
