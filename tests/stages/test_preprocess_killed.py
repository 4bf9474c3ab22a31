"""Killed at any moment, the stage leaves the store as it was or whole, and the next run leaves no trace of it."""

import hashlib
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

N_TRAIN, N_TEST, N_CHANNELS, N_TIMES = 100, 20, 16, 1000
N_TRIALS = 2 * (2 * N_TRAIN + 5 * N_TEST)
NAMES = ("x.csv", "x.json", "x.zarr.zip")
# What a run does, as its files tell. Kills are spread over each phase: at random between its start and the next one's.
PHASES = ("starting", "reading", "cutting", "whitening", "storing", "packing")
KILLS = dict.fromkeys(PHASES[1:], 4)

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
    return process


def _finished(folder, out):
    """Run to the end; the seconds that the phases of :data:`KILLS` take."""
    process, starts = _started(folder, out), []
    for phase in KILLS:
        _wait_for(phase, process, folder / out)
        starts.append(time.perf_counter())
    process.join()
    assert process.exitcode == 0
    return dict(zip(KILLS, np.diff([*starts, time.perf_counter()]), strict=True))


def _wait_for(phase, process, folder):
    while process.is_alive() and PHASES.index(_phase(folder, process.pid)) < PHASES.index(phase):
        time.sleep(0.001)


def _phase(folder, pid):
    """How far a run has come, by the files it is writing."""
    scratch, store, packed = (
        folder / f".{pid}.unfinished.x.zarr.zip{ending}" for ending in (".scratch", ".store.scratch", "")
    )
    if packed.exists():
        return "packing"
    if store.exists():
        return "storing"
    spool = scratch / "epochs.f32"
    if not spool.exists():
        return "reading" if scratch.exists() else "starting"
    return "cutting" if spool.stat().st_size < N_TRIALS * N_CHANNELS * N_TIMES * 4 else "whitening"


def _files(folder):
    """The files of a folder, by a digest of their bytes."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}


def test_a_killed_run_leaves_the_old_store_or_none_and_the_next_one_completes(folder):
    whole = _files(folder / "whole")
    assert set(whole) == set(NAMES)
    out, runs = folder / "killed", [_finished(folder, "measured") for _ in range(2)]
    durations = {phase: min(run[phase] for run in runs) for phase in KILLS}  # other work slows a run down
    out.mkdir()
    rng = np.random.default_rng(20)
    found = []
    for number, phase in enumerate(rng.permutation([phase for phase, count in KILLS.items() for _ in range(count)])):
        for name in NAMES:
            (out / name).unlink(missing_ok=True)
            if number % 2:
                (out / name).write_text("older")
        before = {name: digest for name, digest in _files(out).items() if name in NAMES}
        process = _started(folder, "killed")
        _wait_for(phase, process, out)
        time.sleep(durations[phase] * rng.random())
        process.kill()
        process.join()
        assert process.exitcode in (-signal.SIGKILL, 0)
        left = _files(out)
        for name in NAMES:
            assert left.get(name) in (before.get(name), whole[name]), f"{name}, killed after the start of {phase}"
        if "x.zarr.zip" not in left:
            with pytest.raises(InputError, match="no such file; run 'dvc repro' to make it"):
                open_store(out / "x.zarr.zip")
        found.append("done" if left.get("x.zarr.zip") == whole["x.zarr.zip"] else _phase(out, process.pid))
    print({phase: found.count(phase) for phase in (*PHASES, "done")})
    assert len(set(found) - {"done"}) >= 4, found
    assert "packing" in found  # the moment that matters most
    _finished(folder, "killed")
    assert {path.name for path in out.iterdir()} == set(NAMES)
    assert _files(out) == whole
