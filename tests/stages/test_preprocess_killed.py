"""Killed at any moment, the stage leaves the store as it was or whole, and the next run leaves no trace of it."""

import multiprocessing
import signal
import threading
import time

import numpy as np
import pandas as pd
import pytest
import yaml
from tqdm import tqdm

from pipeline_lib.common.errors import InputError
from pipeline_lib.common.stimulus_table import COLUMNS
from pipeline_lib.recordings.store import open_store
from stages.preprocess import main
from tests.recordings.tiny_study import raw_file, save_session

KILLS = 20
N_TRAIN, N_TEST, N_CHANNELS, N_TIMES = 100, 20, 16, 1000
N_TRIALS = 2 * (2 * N_TRAIN + 5 * N_TEST)
NAMES = ("x.csv", "x.json", "x.zarr.zip")
PHASES = ("reading", "cutting", "whitening", "storing", "packing", "done")

# Children are forked off a process that has imported everything already: all of a child's time is work.
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload([__name__, "scipy.fft", "threadpoolctl"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory, shipped_params):
    """A subject whose preprocessing takes about a second, and the outputs of an undisturbed run in ``whole``."""
    folder = tmp_path_factory.mktemp("killed")
    codes = [("train", code) for code in range(1, N_TRAIN + 1)] + [("test", code) for code in range(1, N_TEST + 1)]
    rows = [(f"{split}/{code}", f"{split}/{code}.jpg", f"{split} {code}", split, code) for split, code in codes]
    pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(folder / "stimuli.csv", index=False)
    channels = [f"C{number}" for number in range(N_CHANNELS)]
    for number in (1, 2):
        train, test = list(range(1, N_TRAIN + 1)) * 2, list(range(1, N_TEST + 1)) * 5
        save_session(
            folder / "raw" / "sub-01" / f"ses-{number:02d}",
            training=raw_file(train, ch_names=channels, seed=number, spacing=100),
            test=raw_file(test, ch_names=channels, seed=10 + number, spacing=100),
        )
    study = shipped_params["study"] | {"root": str(folder / "raw")}
    preprocess = shipped_params["preprocess"] | {"sfreq": None}
    (folder / "params.yaml").write_text(yaml.safe_dump({"study": study, "preprocess": preprocess}))
    _finished(folder, "whole")
    return folder


def _run(**options):
    """The stage, with a lock for its progress bars that is not shared with other processes and cannot be left over."""
    tqdm.set_lock(threading.RLock())
    main(**options)


def _started(folder, out):
    paths = {"stimuli": folder / "stimuli.csv", "params_file": folder / "params.yaml"}
    outputs = {"out": folder / out / "x.zarr.zip", "quality": folder / out / "x.json"}
    process = SERVER.Process(target=_run, kwargs={"subject": "sub-01", **paths, **outputs})
    process.start()
    scratch = folder / out / f".{process.pid}.unfinished.x.zarr.zip.scratch"
    while process.is_alive() and not scratch.exists():
        time.sleep(0.001)
    return process


def _finished(folder, out):
    """Run to the end; the seconds from the first file that is written on."""
    process, start = _started(folder, out), time.perf_counter()
    process.join()
    assert process.exitcode == 0
    return time.perf_counter() - start


def _files(folder):
    return {name: (folder / name).read_bytes() for name in NAMES if (folder / name).exists()}


def _phase(folder, killed):
    """How far a killed run has come, by what it has left."""
    if killed.exitcode == 0:
        return "done"
    scratch, store, packed = (
        folder / f".{killed.pid}.unfinished.x.zarr.zip{ending}" for ending in (".scratch", ".store.scratch", "")
    )
    if packed.exists() or not scratch.exists():
        return "packing"
    if store.exists():
        return "storing"
    spool = scratch / "epochs.f32"
    if not spool.exists():
        return "reading"
    return "cutting" if spool.stat().st_size < N_TRIALS * N_CHANNELS * N_TIMES * 4 else "whitening"


def test_a_killed_run_leaves_the_old_store_or_none_and_the_next_one_completes(folder):
    whole = _files(folder / "whole")
    assert set(whole) == set(NAMES)
    out, duration = folder / "killed", _finished(folder, "measured")
    rng = np.random.default_rng(20)
    moments = rng.permutation((np.arange(KILLS) + rng.random(KILLS)) / KILLS) * duration
    phases = []
    for number, moment in enumerate(moments):
        before = dict.fromkeys(NAMES, b"older") if number % 2 else {}
        for name in NAMES:
            (out / name).unlink(missing_ok=True)
        for name, content in before.items():
            (out / name).write_bytes(content)
        process = _started(folder, "killed")
        time.sleep(moment)
        process.kill()
        process.join()
        assert process.exitcode in (-signal.SIGKILL, 0)
        for name in NAMES:
            content = _files(out).get(name)
            assert content in (before.get(name), whole[name]), f"{name}, killed after {moment:.3f} s of {duration:.3f}"
        if _files(out).get("x.zarr.zip") is None:
            with pytest.raises(InputError, match="no such file; run 'dvc repro' to make it"):
                open_store(out / "x.zarr.zip")
        phases.append(_phase(out, process))
    print({phase: phases.count(phase) for phase in PHASES})
    assert len(set(phases) - {"done"}) >= 3, phases
    _finished(folder, "killed")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == whole
