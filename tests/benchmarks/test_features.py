"""What is compared is the same work, and the last line is what was measured."""

import json

from benchmarks import features
from benchmarks.features import Size, main


def test_the_last_line_is_one_object(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(features, "QUICK", Size(3, 2, rounds=1, threads=1, architecture="ViT-S-32-alt"))
    main(quick=True, report=tmp_path / "figures.json", scratch=tmp_path)
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told == json.loads((tmp_path / "figures.json").read_text())
    assert (told["benchmark"], told["quick"], told["of"]["images"]) == ("features", True, 3)
    assert set(told["images_per_s"]) == {"bare", "pipeline", "pipeline_with_captions", "one_at_a_time"}
    assert all(rate > 0 for rate in told["images_per_s"].values())
    assert told["largest_difference"] < 1e-4
    assert [path.name for path in tmp_path.iterdir()] == ["figures.json"]
