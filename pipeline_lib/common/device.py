"""Where tensors are computed on."""

from typing import TYPE_CHECKING, Literal

from pipeline_lib.common.errors import InputError, bad_value

if TYPE_CHECKING:
    import torch

DeviceName = Literal["auto", "cpu", "cuda"]


def pick_device(name: DeviceName, *, key: str = "device") -> "torch.device":
    """The device that a parameter names.

    Parameters
    ----------
    name : {"auto", "cpu", "cuda"}
        ``"auto"`` takes the GPU where there is one.
    key : str
        The parameter's full name, for the error.

    Returns
    -------
    torch.device

    Raises
    ------
    InputError
        If `name` is unknown, or a GPU is asked for where torch finds none.
    """
    import torch

    if name not in ("auto", "cpu", "cuda"):
        raise bad_value(key, name, ("auto", "cpu", "cuda"))
    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        raise InputError(f"{key} is 'cuda', but torch finds no GPU here; set it to auto or cpu")
    return torch.device("cuda" if name != "cpu" and found else "cpu")


def use_threads(threads: int | None) -> None:
    """Let torch compute with this many CPU threads; None leaves it all cores.

    One thread is the shipped value: small models gain little from more, the numbers then do not depend on how many
    cores a machine has, and threads that wait for each other on a busy machine were measured to take 45 times as long
    (a training step of the phantom study, 2 threads beside 3 other processes on 2 cores: 7.3 s instead of 0.16 s).
    """
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
