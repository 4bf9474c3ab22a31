"""What a model was trained with."""

import sys

import numpy as np
import torch

from pipeline_lib.training.versions import versions


def test_versions_are_those_that_run():
    found = versions()
    assert list(found) == ["trialign", "torch", "numpy", "python"]
    assert torch.__version__.startswith(found["torch"])
    assert found["numpy"] == np.__version__
    assert sys.version.startswith(found["python"])


def test_without_being_installed(monkeypatch):
    monkeypatch.setattr("pipeline_lib.training.versions.version", lambda name: (_ for _ in ()).throw(missing(name)))
    assert versions()["trialign"] == "not installed"


def missing(name):
    from importlib.metadata import PackageNotFoundError

    return PackageNotFoundError(name)
