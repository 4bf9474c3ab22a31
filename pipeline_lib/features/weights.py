"""Checkpoints, read without running anything in them and matched to a network without leaving anything out."""

import pickle
import re
import warnings
import zipfile
from argparse import Namespace
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from pipeline_lib.common.errors import InputError

StateDict = dict[str, Tensor]
WRAPPER = "module."  # what data-parallel training puts before every name


def read_state_dict(path: Path) -> StateDict:
    """The tensors of a checkpoint by name.

    Parameters
    ----------
    path : Path
        A torch or safetensors file: a state dict, or a training checkpoint that holds one under ``state_dict``. Of
        Python objects only tensors, plain containers and argparse.Namespace (SLIP's settings) are read.

    Returns
    -------
    dict of str to Tensor
        On the CPU, without the prefix ``module.``.

    Raises
    ------
    InputError
        If the file is missing or damaged, holds no tensors, or holds objects that could run code; they are not run.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: the weights are missing; put the checkpoint there, or change features.model")
    checkpoint = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    state = checkpoint.get("state_dict", checkpoint) if isinstance(checkpoint, Mapping) else None
    if not isinstance(state, Mapping) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(
            f"{path}: holds no state dict (names and tensors); choose the checkpoint of an image-text model"
        )
    return {name.removeprefix(WRAPPER): tensor for name, tensor in state.items()}


def load_strictly(
    network: nn.Module, state: Mapping[str, Tensor], where: str, *, ignored: Collection[str] = ()
) -> None:
    """Copy `state` into `network`; every tensor must have its place and every place its tensor.

    Parameters
    ----------
    network : Module
        Its parameters and buffers are overwritten.
    state : mapping of str to Tensor
        By the network's own names.
    where : str
        The file, for the error.
    ignored : collection of str
        Names that may differ or be missing.

    Raises
    ------
    InputError
        Naming the first tensor that is missing, superfluous or of another shape.
    """
    wanted = {name: tensor.shape for name, tensor in network.state_dict().items() if name not in ignored}
    found = {name: tensor for name, tensor in state.items() if name not in ignored}
    for name, shape in wanted.items():
        if name not in found:
            raise InputError(f"{where}: tensor {name} is missing; the weights do not fit the architecture")
        if found[name].shape != shape:
            raise InputError(
                f"{where}: tensor {name} has shape {tuple(found[name].shape)}, allowed: {tuple(shape)}; "
                "the weights do not fit the architecture"
            )
    for name in found:
        if name not in wanted:
            raise InputError(f"{where}: tensor {name} has no place in the architecture; the weights do not fit it")
    network.load_state_dict(found, strict=False)


def _read_safetensors(path: Path) -> StateDict:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise _damaged(path, error) from None


def _read_torch(path: Path) -> Any:
    try:
        # Memory-mapped, so that the optimizer's state of a training checkpoint is never read.
        mapped = zipfile.is_zipfile(path)
        with torch.serialization.safe_globals([Namespace]), warnings.catch_warnings(action="ignore"):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        if refused := re.search(r"GLOBAL (\S+)", str(error)):
            raise InputError(
                f"{path}: refused, nothing was run: the file holds the Python object {refused[1]}, and only tensors, "
                "plain containers and argparse.Namespace are read; save the tensors alone"
            ) from None
        raise _damaged(path, error) from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        if "TorchScript" in str(error):
            raise InputError(f"{path}: a TorchScript archive is a program; save its state_dict() instead") from None
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> InputError:
    lines = re.findall(r"Unpickler error: *\n*([^\n]+)", str(error)) or str(error).splitlines() or ["it ends early"]
    return InputError(f"{path}: not a whole checkpoint ({lines[0][:120]}); copy or download it again")
