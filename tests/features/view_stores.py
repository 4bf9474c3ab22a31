"""View stores as the data contract describes them, without the code that usually writes them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import zarr

from pipeline_lib.common.zarr_zip import pack_zarr


def write_views(path: Path, image_ids: Sequence[str], shade: Callable[[int], int], *, size: int = 20) -> Path:
    """A store whose i-th picture is grey of brightness ``shade(i)``."""
    shades = np.array([shade(row) for row in range(len(image_ids))], dtype=np.uint8)
    folder = path.with_name(path.name + ".directory")
    group = zarr.open_group(folder, mode="w", attributes={"image_ids": list(image_ids)})
    maps = np.broadcast_to(shades[:, None, None], (len(shades), size, size))
    group.create_array("saliency", data=np.ascontiguousarray(maps), chunks=(4, size, size))
    group.create_array("view", data=np.stack([maps] * 3, axis=-1), chunks=(4, size, size, 3))
    pack_zarr(folder, path)
    return path
