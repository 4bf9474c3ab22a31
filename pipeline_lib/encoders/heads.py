"""From the parameters to what lies between each modality's features and the shared space.

``projection`` is NICE's and NeuroAlign's head (:mod:`pipeline_lib.encoders.head`), ``linear`` a linear map,
``identity`` nothing (NICE's images), ``adapter`` HMAVD's (:mod:`pipeline_lib.encoders.adapter`). The last two leave the
features as wide as they are, so these widths must be that of the shared space.
"""

from collections.abc import Mapping

from torch import nn

from pipeline_lib.common.errors import InputError
from pipeline_lib.encoders.adapter import Adapter
from pipeline_lib.encoders.base import initialize
from pipeline_lib.encoders.head import ProjectionHead
from pipeline_lib.encoders.head_params import AdapterParams
from pipeline_lib.encoders.params import EncoderParams

KEEP_WIDTH = ("identity", "adapter")


def shared_width(params: EncoderParams, widths: Mapping[str, int]) -> int:
    """The width of the space that the modalities share: ``params.dim``, or that of the features nobody projects.

    Parameters
    ----------
    params : EncoderParams
    widths : mapping of str to int
        The features' width by modality; a modality that is absent, such as text without captions, has no say.

    Raises
    ------
    InputError
        If unprojected features are not as wide as each other or as ``params.dim``, or nothing gives the width.
    """
    kept = {name: width for name, width in widths.items() if getattr(params.heads, name) in KEEP_WIDTH}
    if params.dim is None and not kept:
        raise InputError(
            "encoder.dim is null, which takes the width of features that no head projects, but all encoder.heads do; "
            "give encoder.dim a number, or set one of encoder.heads to identity"
        )
    dim = next(iter(kept.values())) if params.dim is None else params.dim
    for name, width in kept.items():
        if width != dim:
            raise _wrong_width(params, name, width, dim, first=next(iter(kept)))
    return dim


def build_head(params: EncoderParams, modality: str, in_dim: int, dim: int) -> nn.Module:
    """Make the head of a modality, with fresh weights from torch's random generator where it has any.

    Parameters
    ----------
    params : EncoderParams
    modality : {"brain", "image", "text"}
    in_dim : int
        Width of the features.
    dim : int
        Width of the shared space, from :func:`shared_width`.

    Returns
    -------
    Module
        Takes features of shape (n_items, in_dim) to (n_items, dim).

    Raises
    ------
    InputError
        If an adapter's bottleneck would have no width.
    """
    kind = getattr(params.heads, modality)
    if kind == "projection":
        return ProjectionHead(in_dim, dim, getattr(params.head_dropout, modality))
    if kind == "adapter":
        return _adapter(params.adapter, modality, in_dim)
    head = nn.Linear(in_dim, dim) if kind == "linear" else nn.Identity()
    initialize(head)
    return head


def _adapter(params: AdapterParams, modality: str, dim: int) -> Adapter:
    is_text = modality == "text"
    return Adapter(
        dim,
        bottleneck_width(params, modality, dim),
        alpha=params.alpha,
        beta=params.beta if is_text else 1.0,
        bias=is_text,
        dropout=params.dropout,
        second_activation=params.second_activation,
    )


def bottleneck_width(params: AdapterParams, modality: str, dim: int) -> int:
    """d / r, rounded down, or r: HMAVD calls r a compression ratio, but gives W₁ the shape d × r."""
    r = getattr(params.r, modality)
    width = dim // r if params.width == "ratio" else r
    if not width:
        raise InputError(
            f"encoder.adapter.r.{modality} is {r} and the {modality} features are {dim} wide: that leaves the adapter "
            f"no width; set it to {dim} at most, or encoder.adapter.width: literal"
        )
    return width


def _wrong_width(params: EncoderParams, name: str, width: int, dim: int, *, first: str) -> InputError:
    kind = getattr(params.heads, name)
    problem = f"encoder.heads.{name} is {kind}, which leaves the {name} features {width} wide"
    cure = f"encoder.heads.{name}: projection or linear"
    if params.dim is None:
        return InputError(f"{problem}, but the {first} features, not projected either, are {dim} wide; set {cure}")
    return InputError(f"{problem}, but encoder.dim is {dim}; set encoder.dim: null, or {cure}")
