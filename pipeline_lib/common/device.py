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
