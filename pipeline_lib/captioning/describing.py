"""Captions of many images by a model: shared between processes, kept batch by batch, taken up again after a kill."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline_lib.captioning.captioner import Caption, Captioner
from pipeline_lib.captioning.pictures import read_picture
from pipeline_lib.captioning.scratch import KeptCaption, Scratch
from pipeline_lib.common.ahead import worked_ahead
from pipeline_lib.common.digests import digest_if_there, file_digest
from pipeline_lib.common.errors import InputError
from pipeline_lib.common.memory import BatchLimit, is_exhaustion
from pipeline_lib.common.notices import notice
from pipeline_lib.common.processes import ALONE, Group
from pipeline_lib.common.progress import progress
from pipeline_lib.common.transformers_errors import first_line

CURE = "set caption.dtype to bfloat16 or int8, or caption.max_new_tokens lower, or take a smaller model"


@dataclass(frozen=True)
class Request:
    """One image to be described: its id, its file, and the prompt with the concept filled in."""

    image_id: str
    file: Path
    prompt: str


class Asked(NamedTuple):
    """A request with its picture, decoded, and the digest of its file (empty where nothing is kept)."""

    request: Request
    picture: np.ndarray
    digest: str


def describe_all(
    captioner: Captioner,
    requests: Sequence[Request],
    *,
    batch_size: int,
    scratch: Scratch | None = None,
    group: Group = ALONE,
) -> tuple[list[Caption], list[int]]:
    """Describe all images, each once.

    Parameters
    ----------
    captioner : Captioner
    requests : sequence of Request
        Their ids differ.
    batch_size : int
        Images at once, at most.
    scratch : Scratch, optional
        Where finished captions are kept; those it has already are not made again.
    group : Group
        The processes that share the work.

    Returns
    -------
    captions : list of Caption
        As long as `requests`, in every process.
    shares : list of int
        How many of them each process made.
    """
    kept = group.by_the_first(lambda: _still_good(scratch.load(), requests)) if scratch else {}
    if kept and group.first:
        notice(f"{len(kept)} of {len(requests)} captions are there already")
    own = group.share([request for request in requests if request.image_id not in kept])
    made: dict[str, Caption] = {}
    for asked, captions in written(captioner, own, batch_size=batch_size, hashed=scratch is not None):
        if scratch:
            scratch.append(_to_keep(asked, captions))
        made |= {item.request.image_id: caption for item, caption in zip(asked, captions, strict=True)}
    everyones = group.everyones(made)
    found = {name: caption for part in (kept, *everyones) for name, caption in part.items()}
    return [found[request.image_id] for request in requests], [len(part) for part in everyones]


def written(
    captioner: Captioner, requests: Sequence[Request], *, batch_size: int, hashed: bool = False
) -> Iterator[tuple[Sequence[Asked], list[Caption]]]:
    """Captions of `requests` batch by batch; while the model writes, images are decoded and a batch is prepared."""

    def ask(request: Request) -> Asked:
        return Asked(request, read_picture(request.file), file_digest(request.file) if hashed else "")

    def prepare(batch: list[Asked]) -> tuple[list[Asked], Any | None]:
        return batch, _if_it_fits(captioner, batch)

    def write(part: Sequence[Asked]) -> list[Caption]:
        inputs = ready.pop() if ready and len(part) == len(batch) else None
        return captioner.write(inputs or prepared(captioner, part), [asked.request.image_id for asked in part])

    limit = BatchLimit(batch_size, CURE)
    decoded = worked_ahead(progress(requests, label="caption", unit="image"), ask, ahead=batch_size)
    for batch, inputs in worked_ahead(_batched(decoded, limit), prepare, ahead=1, threads=1):
        ready = [inputs]
        del inputs  # the only reference is taken below, so that what does not fit into memory is let go
        yield from limit.in_parts(batch, write)


def prepared(captioner: Captioner, asked: Sequence[Asked]) -> Any:
    """What the model reads of a batch.

    Raises
    ------
    InputError
        If the model's processor refuses an image, with its name.
    """
    try:
        return captioner.prepare([item.picture for item in asked], [item.request.prompt for item in asked])
    except InputError:
        raise
    except Exception as error:  # processors raise what they like
        if is_exhaustion(error):
            raise
        if len(asked) > 1:
            for item in asked:
                prepared(captioner, [item])
        where = f"{asked[0].request.file}: " if len(asked) == 1 else ""
        raise InputError(f"{where}the model's processor refuses this image or prompt: {first_line(error)}") from None


def _if_it_fits(captioner: Captioner, asked: Sequence[Asked]) -> Any | None:
    """What the model reads of a batch; None where memory does not suffice, and smaller ones are made later."""
    try:
        return prepared(captioner, asked)
    except (RuntimeError, MemoryError):
        return None


def _batched(asked: Iterable[Asked], limit: BatchLimit) -> Iterator[list[Asked]]:
    """Batches as large as the limit is when they are begun."""
    batch: list[Asked] = []
    for item in asked:
        batch.append(item)
        if len(batch) >= limit.size:
            yield batch
            batch = []
    if batch:
        yield batch


def _to_keep(asked: Sequence[Asked], captions: Sequence[Caption]) -> list[KeptCaption]:
    return [
        KeptCaption(item.request.image_id, item.digest, item.request.prompt, *caption)
        for item, caption in zip(asked, captions, strict=True)
    ]


def _still_good(kept: Sequence[KeptCaption], requests: Sequence[Request]) -> dict[str, Caption]:
    """The kept captions of images and prompts that are still the same, by image id."""
    wanted = {request.image_id: request for request in requests}
    same = [item for item in kept if item.image_id in wanted and item.prompt == wanted[item.image_id].prompt]
    digests = worked_ahead([wanted[item.image_id].file for item in same], digest_if_there, ahead=64)
    return {
        item.image_id: Caption(item.text, item.n_tokens)
        for item, digest in zip(same, digests, strict=True)
        if item.image == digest
    }
