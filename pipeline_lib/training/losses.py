"""What a batch costs, by the kind of model: a new kind is one line here and one in `models.py`."""

from collections.abc import Callable

from torch import Tensor

from pipeline_lib.objectives.normalize import Embeddings
from pipeline_lib.training import forward
from pipeline_lib.training.base import Model
from pipeline_lib.training.bravl_losses import bravl_losses
from pipeline_lib.training.data import TrainingData
from pipeline_lib.training.distributed import Processes
from pipeline_lib.training.settings import Settings

LOSSES: dict[str, Callable[..., tuple[dict[str, Tensor], Embeddings]]] = {
    "alignment": forward.batch_losses,
    "bravl": bravl_losses,
}


def batch_losses(
    model: Model,
    settings: Settings,
    data: TrainingData,
    rows: Tensor,
    processes: Processes,
    view: Tensor | None = None,
) -> tuple[dict[str, Tensor], Embeddings]:
    """As :func:`pipeline_lib.training.forward.batch_losses`, for a model of any kind."""
    return LOSSES[model.kind](model, settings, data, rows, processes, view)
