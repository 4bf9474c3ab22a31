"""Captions of an unfinished run, kept beside the table until that is written, a part for each batch.

The fingerprint names the model, its revision, the prompt, the decoding and what it is computed with. Beside its text a
caption has what it was made of: it is made again where the image or the prompt has changed.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from pipeline_lib.common.unfinished import Unfinished


@dataclass(frozen=True)
class KeptCaption:
    """One finished caption.

    Attributes
    ----------
    image_id : str
    image : str
        SHA-256 of the image file.
    prompt : str
        With the concept filled in.
    text : str
    n_tokens : int
    """

    image_id: str
    image: str
    prompt: str
    text: str
    n_tokens: int


class Scratch(Unfinished):
    """The finished captions of one run."""

    what = "captions"

    def load(self) -> list[KeptCaption]:
        """All captions of earlier starts that are whole."""
        return [KeptCaption(**caption) for _, content in self.whole_parts() for caption in json.loads(content)]

    def append(self, captions: Iterable[KeptCaption]) -> None:
        """Add one batch.

        Raises
        ------
        InputError
            If the disk is full.
        """
        self.keep(json.dumps([asdict(caption) for caption in captions]).encode())
