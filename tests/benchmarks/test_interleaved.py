"""Everything is run as often as it is said to be, and what is compared are medians."""

from benchmarks.interleaved import Times, interleaved


def test_each_case_runs_once_unmeasured_and_then_in_every_round():
    runs = []
    cases = {name: (lambda name=name: runs.append(name)) for name in "abc"}
    times = interleaved(cases, 4, turns={"b": 3})
    assert runs[:3] == ["a", "b", "c"]
    for start in range(3, len(runs), 5):
        assert sorted(runs[start : start + 5]) == ["a", "b", "b", "b", "c"]
    assert {name: len(found.wall) for name, found in times.items()} == {"a": 4, "b": 12, "c": 4}
    assert len({tuple(runs[start : start + 5]) for start in range(3, len(runs), 5)}) > 1


def test_there_is_one_round_even_when_time_is_up():
    assert len(interleaved({"a": lambda: None}, 5, seconds=-1)["a"].wall) == 1


def test_figures_are_medians_and_their_ratios():
    one, other = Times([1.0, 9.0, 2.0], [1.0, 1.0, 5.0]), Times([4.0, 3.0, 40.0], [2.0, 2.0, 2.0])
    assert one.figures() == {"seconds": 2.0, "processor_seconds": 1.0, "rounds": 3}
    assert other.over(one) == {"times": 2.0, "processor_times": 2.0}


def test_processor_time_is_this_process_own():
    times = Times()
    times.measure(lambda: sum(range(300_000)))
    assert 0 < times.processor[0] < 2 * times.wall[0] + 0.01
