"""What is compared is the same, and the figures are those that are asked for."""

import json
import subprocess
import sys

import numpy as np
import pytest

from benchmarks.interleaved import Times
from benchmarks.vse import THREADS, Size, plain_extraction, resized_to, summary, vse_figures, write_pictures
from pipeline_lib.common.params import validated
from pipeline_lib.stimuli.images import load_image
from pipeline_lib.stimuli.params import VseParams
from pipeline_lib.stimuli.vse import extract_saliency


def test_the_plain_version_gives_the_same_within_a_grey_level(tmp_path, params):
    section = resized_to(validated(params, "vse", VseParams), 64)
    rgb = load_image(write_pictures(tmp_path / "pictures", 1, 64)[0], 64)
    ours, plain = extract_saliency(rgb, section), plain_extraction(rgb, section)
    for found, expected in ((ours.view, plain.view), (ours.map, plain.map)):
        assert np.abs(found.astype(int) - expected).max() <= 1
        assert expected.max() > 100


def test_tiny_figures(tmp_path):
    figures = vse_figures(Size(images=3, plain_images=2, rounds=1, seconds=60), tmp_path)
    assert set(figures["ways"]) == {"files", "files_500_px", "extraction", "plain"}
    assert all(way["processor_ms_per_image"] > 0 for way in figures["ways"].values())
    assert figures["speedup"] > 1
    assert figures["max_difference"] <= 1


def test_medians_become_images_per_second():
    times = dict.fromkeys(["files", "extraction"], Times([0.5, 0.1, 0.2], [0.4, 0.2, 0.1]))
    times["plain"] = Times([2.0], [1.6])
    found = summary(times, {"files": 10, "extraction": 10, "plain": 20})
    assert found["images_per_second"] == found["images_per_second_from_files"] == 50
    assert found["processor_ms_per_image"] == 20
    assert found["speedup"] == pytest.approx(5)
    assert found["processor_speedup"] == pytest.approx(4)
    assert found["ways"]["plain"]["images_per_second_undisturbed"] == pytest.approx(THREADS / 0.08)


def test_the_last_line_is_all_figures(project_root, tmp_path):
    command = [sys.executable, "-m", "benchmarks.vse", "--quick", "--json", "-", "--scratch", str(tmp_path)]
    done = subprocess.run(command, cwd=project_root, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    assert {"images_per_second", "speedup", "max_difference", "machine", "versions", "date", "commit"} <= set(figures)
    assert list(tmp_path.iterdir()) == []
