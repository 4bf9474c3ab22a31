"""What preprocessing fitted, in the epochs store: group ``fitted``.

``whitening`` (n_sessions, n_channels, n_channels), ``session`` (n_sessions,), ``mean`` and ``scale`` (n_channels,),
each where it was fitted; the attribute ``sessions`` names the files of each session.
"""

import numpy as np
import zarr

from pipeline_lib.recordings.fitted import Fitted

GROUP = "fitted"


def write_fitted(root: zarr.Group, fitted: Fitted) -> None:
    """Write it into an epochs store that is being made."""
    sessions = {str(number): list(files) for number, files in fitted.sessions.items()}
    group = root.create_group(GROUP, attributes={"sessions": sessions})
    if fitted.matrices:
        _write(group, "session", np.array(list(fitted.matrices), dtype=np.int16))
        _write(group, "whitening", np.stack(list(fitted.matrices.values())))
    if fitted.mean is not None and fitted.scale is not None:
        _write(group, "mean", fitted.mean)
        _write(group, "scale", fitted.scale)


def read_fitted(root: zarr.Group) -> Fitted | None:
    """Read it; None where a store is of a version that did not keep it."""
    if GROUP not in root:
        return None
    group = root[GROUP]
    matrices = {}
    if "whitening" in group:
        matrices = dict(zip(group["session"][:].tolist(), group["whitening"][:], strict=True))
    mean, scale = (group[name][:] if name in group else None for name in ("mean", "scale"))
    return Fitted(matrices, mean, scale, {int(number): files for number, files in group.attrs["sessions"].items()})


def _write(group: zarr.Group, name: str, values: np.ndarray) -> None:
    group.create_array(name, data=values, chunks=values.shape, compressors=None)
