"""One process alone, and one that is said to have others; several are started by tests/stages/test_caption.py."""

import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.processes import ALONE, Group, join_group


def test_one_process_alone_is_left_in_peace(monkeypatch):
    for size in ("", "0", "1"):
        monkeypatch.setenv("WORLD_SIZE", size)
        assert join_group(cpu=True, module="stages.caption") is ALONE
    assert ALONE.first
    assert ALONE.share([1, 2]) == [1, 2]
    assert ALONE.everyones("x") == ["x"]
    assert ALONE.by_the_first(lambda: 7) == 7


def test_what_is_wrong_in_the_first_is_told():
    def wrong():
        raise InputError("no such model")

    with pytest.raises(InputError, match="no such model"):
        ALONE.by_the_first(wrong)


def test_a_process_that_is_said_to_have_others_but_has_none_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with pytest.raises(InputError, match="WORLD_SIZE is 2, but this process is alone; start it with 'torchrun"):
        join_group(cpu=True, module="stages.caption")


@pytest.mark.parametrize("value", ["two", "-1", "1.0", " "])
def test_a_number_of_processes_that_is_none_is_named(monkeypatch, value):
    monkeypatch.setenv("WORLD_SIZE", value)
    with pytest.raises(InputError, match=f"WORLD_SIZE is '{value}', allowed: a number; unset it"):
        join_group(cpu=True, module="stages.caption")


@pytest.mark.parametrize("name", ["RANK", "LOCAL_RANK", "MASTER_PORT"])
def test_what_a_launcher_counts_is_a_number(monkeypatch, name):
    launcher = {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
    for key, value in (launcher | {name: "first"}).items():
        monkeypatch.setenv(key, value)
    with pytest.raises(InputError, match=f"{name} is 'first', allowed: a number"):
        join_group(cpu=True, module="stages.caption")


@pytest.mark.parametrize(("n_items", "size"), [(0, 2), (1, 3), (7, 3), (9, 3)])
def test_shares_are_even_and_complete(n_items, size):
    shares = [Group(rank, size).share(range(n_items)) for rank in range(size)]
    assert sorted(item for share in shares for item in share) == list(range(n_items))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
