"""Many images: any order, batch size and shortage of memory give the same captions; bad images are named."""

import time

import cv2
import numpy as np
import pytest
import torch

from pipeline_lib.captioning.captioner import Caption
from pipeline_lib.captioning.decoding import Sampling
from pipeline_lib.captioning.describing import Request, describe_all
from pipeline_lib.common.ahead import worked_ahead
from pipeline_lib.common.errors import InputError
from pipeline_lib.common.processes import Group
from tests.captioning.loaded import loaded
from tests.captioning.tiny_blip2 import write_blip2

PROMPTS = ["This is a photo of", "Briefly describe the 'red star' in the images.", ""]
DRAWN = Sampling(temperature=1.5, top_p=0.95, seed=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "blip2"
    write_blip2(path)
    return path


@pytest.fixture(scope="module", params=[None, DRAWN], ids=["greedy", "drawn"])
def captioner(folder, request):
    return loaded(folder, sampling=request.param)


@pytest.fixture(scope="module")
def requests(tmp_path_factory):
    place, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(2)
    for number in range(13):
        picture = rng.integers(0, 256, (20 + number, 40, 3), dtype=np.uint8)
        cv2.imwrite(str(place / f"{number}.png"), picture)
    return [Request(f"image {number}", place / f"{number}.png", PROMPTS[number % 3]) for number in range(13)]


@pytest.fixture(scope="module")
def whole(captioner, requests):
    return describe_all(captioner, requests, batch_size=64)[0]


@pytest.mark.parametrize("batch_size", [1, 3, 13])
def test_batch_size_changes_nothing(captioner, requests, whole, batch_size):
    assert describe_all(captioner, requests, batch_size=batch_size) == (whole, [13])


def test_order_changes_nothing(captioner, requests, whole):
    order = np.random.default_rng(0).permutation(13)
    shuffled, _ = describe_all(captioner, [requests[place] for place in order], batch_size=4)
    assert shuffled == [whole[place] for place in order]


def test_shares_of_several_processes_put_together_are_the_whole(captioner, requests, whole):
    # Talking is left out here; stages/test_caption starts real processes.
    shares = [Group(rank, 3).share(requests) for rank in range(3)]
    assert sorted(map(len, shares)) == [4, 4, 5]
    found = {}
    for share in shares:
        captions, _ = describe_all(captioner, share, batch_size=2)
        found |= {request.image_id: caption for request, caption in zip(share, captions, strict=True)}
    assert [found[request.image_id] for request in requests] == whole


def test_too_little_memory_changes_nothing(captioner, requests, whole, monkeypatch, capsys):
    model, tried = captioner.model, []
    generate = model.generate

    def short(**inputs):
        tried.append(len(inputs["pixel_values"]))
        if tried[-1] > 3:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return generate(**inputs)

    monkeypatch.setattr(model, "generate", short)
    assert describe_all(captioner, requests, batch_size=8)[0] == whole
    assert sum(size for size in tried if size <= 3) == 13
    assert "out of memory with 8 images at once, going on with 4" in capsys.readouterr().err


def test_too_little_memory_while_preparing_changes_nothing(captioner, requests, whole, monkeypatch):
    prepare = type(captioner).prepare

    def short(self, images, prompts):
        if len(images) > 2:
            raise MemoryError
        return prepare(self, images, prompts)

    monkeypatch.setattr(type(captioner), "prepare", short)
    assert describe_all(captioner, requests, batch_size=8)[0] == whole


def test_threads_take_turns_at_the_processor(captioner, monkeypatch):
    # It tells its tokenizer to pad, and then not to: one thread would take away what another has just set.
    call, inside, most = type(captioner.processor).__call__, [], []

    def watched(self, *args, **options):
        inside.append(None)
        most.append(len(inside))
        time.sleep(0.01)
        try:
            return call(self, *args, **options)
        finally:
            inside.pop()

    monkeypatch.setattr(type(captioner.processor), "__call__", watched)
    pictures = [np.zeros((20, 20, 3), np.uint8)] * 3
    prepared = list(worked_ahead(range(8), lambda _: captioner.prepare(pictures, PROMPTS), ahead=8, threads=4))
    assert most == [1] * 8
    assert all(torch.equal(inputs["input_ids"], prepared[0]["input_ids"]) for inputs in prepared)


def test_an_image_that_the_processor_refuses_is_named(captioner, requests, monkeypatch):
    prepare = type(captioner).prepare

    def picky(self, images, prompts):
        if any(len(image) == 25 for image in images):
            raise ValueError("absolute aspect ratio must be smaller than 200\nsecond line")
        return prepare(self, images, prompts)

    monkeypatch.setattr(type(captioner), "prepare", picky)
    with pytest.raises(InputError, match=r"/5\.png: the model's processor refuses .*: absolute aspect ratio .* 200$"):
        describe_all(captioner, requests, batch_size=4)


def test_an_image_that_does_not_decode_is_named(captioner, requests, tmp_path):
    (tmp_path / "torn.png").write_bytes(requests[0].file.read_bytes()[:60])
    torn = Request("torn", tmp_path / "torn.png", "x")
    with pytest.raises(InputError, match=r"torn\.png: the image does not decode"):
        describe_all(captioner, [*requests, torn], batch_size=4)


def test_nothing_to_describe(captioner):
    assert describe_all(captioner, [], batch_size=4) == ([], [0])


def test_seeds_draw_other_captions(folder, requests):
    models = [loaded(folder, sampling=Sampling(1.5, 1.0, seed)) for seed in (0, 0, 1)]
    drawn = [describe_all(model, requests, batch_size=13)[0] for model in models]
    assert drawn[0] == drawn[1] != drawn[2]
    assert all(isinstance(caption, Caption) for caption in drawn[0])
