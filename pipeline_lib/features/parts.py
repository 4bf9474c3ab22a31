"""Features of an unfinished run, kept beside the bank until that is written, a part for each batch:

    {"kind": "image", "items": [image ids], "digests": [...]}     in one line of JSON
    the features by dataset                                       in the safetensors format

The fingerprint names the model, the views and layers, and what they are computed with. Features of an image that has
changed are made again.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from safetensors.numpy import load, save

from pipeline_lib.common.unfinished import Unfinished

Kind = Literal["image", "text"]


@dataclass(frozen=True)
class Part:
    """One finished batch.

    Attributes
    ----------
    name : str
        Of its file.
    kind : {"image", "text"}
    items : tuple of str
        Image ids or texts, by row.
    digests : tuple of str
        Of what each image was; empty for texts, which are what they are.
    """

    name: str
    kind: Kind
    items: tuple[str, ...]
    digests: tuple[str, ...]


class Parts(Unfinished):
    """The finished batches of one run."""

    what = "features"

    def load(self) -> list[Part]:
        """All batches of earlier starts that are whole."""
        return [_part(name, content.split(b"\n", 1)[0]) for name, content in self.whole_parts()]

    def append(
        self, kind: Kind, items: Sequence[str], digests: Sequence[str], features: Mapping[str, np.ndarray]
    ) -> Part:
        """Keep one batch.

        Parameters
        ----------
        kind : {"image", "text"}
        items, digests : sequence of str
            As :class:`Part` has them.
        features : mapping of str to ndarray, shape (n_items, dim)
            By dataset.

        Raises
        ------
        InputError
            If the disk is full.
        """
        header = json.dumps({"kind": kind, "items": list(items), "digests": list(digests)}).encode()
        tensors = {name: np.ascontiguousarray(values) for name, values in features.items()}
        return _part(self.keep(header + b"\n" + save(tensors)), header)

    def read(self, name: str) -> dict[str, np.ndarray]:
        """The features of a part, by dataset."""
        return load(self.content_of(name).split(b"\n", 1)[1])


def _part(name: str, header: bytes) -> Part:
    found = json.loads(header)
    return Part(name, found["kind"], tuple(found["items"]), tuple(found["digests"]))
