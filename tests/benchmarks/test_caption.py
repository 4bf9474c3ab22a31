"""What is compared is the same work, and the last line is what was measured."""

import json

from benchmarks import caption
from benchmarks.caption import Size, main, take_turns


def test_the_last_line_is_one_object(tmp_path, monkeypatch, capsys, project_root):
    monkeypatch.setattr(caption, "QUICK", Size(images=3, batch_size=2, rounds=1))
    main(
        quick=True,
        report=tmp_path / "figures.json",
        model=project_root / "data" / "models" / "phantom" / "blip2",
        scratch=tmp_path / "scratch",
    )
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures == json.loads((tmp_path / "figures.json").read_text())
    assert (figures["benchmark"], figures["quick"]) == ("caption", True)
    told = figures["captions"]
    assert told["same_captions"]
    assert set(told["images_per_s"]) == {"bare", "pipeline", "one_at_a_time"}
    assert all(rate > 0 for rate in told["images_per_s"].values())
    assert not list((tmp_path / "scratch").iterdir())


def test_the_first_turn_is_not_measured():
    calls = []
    results, times = take_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b") or 7}, rounds=2)
    assert sorted(calls) == ["a"] * 3 + ["b"] * 3
    assert {name: len(taken.wall) for name, taken in times.items()} == {"a": 2, "b": 2}
    assert results == {"a": None, "b": 7}
