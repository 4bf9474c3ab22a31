"""Batches are halved where memory does not suffice, and nothing is lost or done twice."""

import pytest
import torch

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.memory import BatchLimit, is_exhaustion

CURE = "take a smaller model"


def worker(fits, error=MemoryError):
    calls = []

    def work(part):
        calls.append(list(part))
        if len(part) > fits:
            raise error() if error is MemoryError else error
        return [item * 10 for item in part]

    return work, calls


@pytest.mark.parametrize("fits", [1, 2, 3, 7, 100])
def test_all_are_done_once_in_order(fits):
    work, _ = worker(fits)
    parts = list(BatchLimit(8, CURE).in_parts(range(19), work))
    assert [item for part, _ in parts for item in part] == list(range(19))
    assert [result for _, results in parts for result in results] == [item * 10 for item in range(19)]


def test_the_size_that_fits_is_kept(capsys):
    work, calls = worker(3)
    limit = BatchLimit(8, CURE)
    list(limit.in_parts(range(8), work))
    list(limit.in_parts(range(8, 12), work))
    assert limit.size == 2
    assert [len(call) for call in calls] == [8, 4, 2, 2, 2, 2, 2, 2]
    assert capsys.readouterr().err.splitlines() == [
        "trialign: out of memory with 8 images at once, going on with 4",
        "trialign: out of memory with 4 images at once, going on with 2",
    ]


def test_finished_parts_are_given_before_a_later_one_fails():
    def work(part):
        if 5 in part:
            raise MemoryError
        return part

    done = []
    with pytest.raises(InputError, match="one image at a time does not fit into memory; take a smaller model"):
        for part, _ in BatchLimit(2, CURE).in_parts(range(8), work):
            done.extend(part)
    assert done == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory: you"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
    ],
)
def test_what_torch_says_of_memory(error):
    assert is_exhaustion(error)
    work, _ = worker(1, error)
    assert len(list(BatchLimit(2, CURE).in_parts([1, 2], work))) == 2


def test_torchs_own_words_are_known():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_exhaustion(caught.value)


def test_other_errors_pass():
    work, calls = worker(1, RuntimeError("shapes do not fit"))
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        list(BatchLimit(4, CURE).in_parts(range(4), work))
    assert len(calls) == 1
