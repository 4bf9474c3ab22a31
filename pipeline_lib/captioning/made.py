"""What comes of making captions."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline_lib.captioning.table import CaptionTable

if TYPE_CHECKING:
    from pipeline_lib.captioning.scratch import Scratch


@dataclass(frozen=True)
class Made:
    """Captions that are ready to be written.

    Attributes
    ----------
    table : CaptionTable
        All of them, in every process.
    shares : list of int
        How many each process made; empty where no model was asked.
    scratch : Scratch, optional
        What is to be discarded once the table is written.
    """

    table: CaptionTable
    shares: list[int] = field(default_factory=list)
    scratch: "Scratch | None" = None
