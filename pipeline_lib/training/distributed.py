"""Training in several processes, one per GPU, each on its share of every batch.

    torchrun --nproc_per_node 2 -m stages.train --subject sub-01 ...
    accelerate launch --multi_gpu --num_processes 2 -m stages.train --subject sub-01 ...

A contrastive loss compares every item of a batch with every other, so no process can compute its share of it alone.
Each embeds its rows, all gather the embeddings, and each computes the loss of the whole batch. A process's backward
pass reaches only its own rows, and a parameter's gradient is the sum over the processes'. With N processes,

    ∂L/∂θ = 1/N Σ_r (N ∂L/∂e_r · ∂e_r/∂θ),    e_r: the embeddings of process r,

so gathered rows get N times their gradient on the way back and every parameter the mean over the processes, which is
right too for parameters that act on the whole batch, such as the logit scale. Gradients are averaged as they arise,
loss by loss, so that a balancer sees what it would see in one process.

What a step computes equals that of one process on a model without BatchNorm and dropout. A BatchNorm takes its
statistics over its own process's rows (torch synchronises them on GPUs only, and TSConv does not take its first from a
BatchNorm at all): with two processes, the gradient of a fresh TSConv model is then another by 1.3 % of its length at
batch 1000, by 6 % at 128 and by 21 % at 32. Running means and variances are averaged after each epoch. Dropout draws
other masks in each process.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.processes import launched


@dataclass(frozen=True)
class Processes:
    """This process among those that train together; a single one has nothing to gather and pays nothing.

    Attributes
    ----------
    device : torch.device
        On which this process computes.
    rank, size : int
        Its number, and how many there are.
    """

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.rank == 0

    def seed(self, seed: int) -> None:
        """Give this process random numbers of its own; those of the first stay what they are."""
        if not self.first:
            torch.manual_seed((seed + 1) * self.size + self.rank)

    def share(self, rows: Tensor) -> Tensor:
        """The part of a batch's rows that this process embeds."""
        return rows.tensor_split(self.size)[self.rank] if self.size > 1 else rows

    def gather(self, own: Tensor, n_rows: int) -> Tensor:
        """Put together what all processes made of their share of a batch.

        Parameters
        ----------
        own : Tensor, shape (n_own_rows, ...)
            Of this process's :meth:`share`.
        n_rows : int
            Of the whole batch.

        Returns
        -------
        Tensor, shape (n_rows, ...)
            In the order of the batch. Gradients flow back to the own rows, `size` times as large.
        """
        return own if self.size == 1 else _Gather.apply(own, n_rows, self.rank, self.size)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """From now on, give each gradient of these parameters its mean over the processes as soon as it is computed."""
        if self.size > 1:
            for parameter in parameters:
                parameter.register_hook(self._mean)

    def average_buffers(self, model: nn.Module) -> None:
        """Replace running means and variances by their mean over the processes."""
        if self.size > 1:
            for buffer in model.buffers():
                if buffer.is_floating_point():
                    buffer.copy_(self._mean(buffer))

    def agreed(self, value: Any) -> Any:
        """The first process's `value`, in all of them."""
        if self.size == 1:
            return value
        values = [value]
        distributed.broadcast_object_list(values, src=0, device=self.device)
        return values[0]

    def everyones(self, value: Any) -> list[Any]:
        """The `value` of each process."""
        if self.size == 1:
            return [value]
        values = [None] * self.size
        distributed.all_gather_object(values, value)
        return values

    def check_batch(self, n_rows: int) -> None:
        """Refuse batches that leave a process fewer than two rows.

        Raises
        ------
        InputError
        """
        if self.size > 1 and n_rows // self.size < 2:
            raise InputError(
                f"a batch of {n_rows} samples leaves {self.size} processes fewer than two each; start fewer "
                "processes or raise train.batch_size"
            )

    def _mean(self, value: Tensor) -> Tensor:
        total = value.detach().clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total.div_(self.size)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: Tensor, n_rows: int, rank: int, size: int) -> Tensor:
        lengths = [len(part) for part in torch.arange(n_rows).tensor_split(size)]
        ctx.start, ctx.length, ctx.size = sum(lengths[:rank]), lengths[rank], size
        # Collectives want equal shapes: shares differ by one row at most.
        padded = own.new_zeros(lengths[0], *own.shape[1:])
        padded[: len(own)] = own
        parts = [torch.empty_like(padded) for _ in lengths]
        distributed.all_gather(parts, padded)
        return torch.cat([part[:length] for part, length in zip(parts, lengths, strict=True)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return gradient[ctx.start : ctx.start + ctx.length] * ctx.size, None, None, None


def join_processes(device: torch.device) -> Processes:
    """Join the processes that a launcher started, for as long as this one lives.

    Parameters
    ----------
    device : torch.device
        Kind of device; with several GPUs, each process gets its own.

    Returns
    -------
    Processes
        A single one where there is no launcher.

    Raises
    ------
    InputError
        As :func:`~pipeline_lib.common.processes.launched` does.
    """
    state = launched(cpu=device.type == "cpu", module="stages.train")
    return Processes(state.device, state.process_index, state.num_processes) if state else Processes(device)
