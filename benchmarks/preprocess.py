"""How long preprocessing takes: the covariance step against scikit-learn's, and a whole subject of THINGS-EEG2's size.

    python -m benchmarks.preprocess                 # 15 minutes, and 25 GB of scratch space
    python -m benchmarks.preprocess --quick         # a twentieth of a subject, about a minute

What is measured goes to standard output as one JSON object; what is being done, to standard error.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
import yaml

from benchmarks.processes import peak_memory, scratch_folder
from benchmarks.reporting import ROOT, rounded, say, surroundings, write_figures
from benchmarks.synthetic_subject import Size, write_subject, write_table
from pipeline_lib.commands.params_edit import with_values
from pipeline_lib.commands.preset import read_preset
from pipeline_lib.common.cli import run_stage
from pipeline_lib.common.params import read_params
from pipeline_lib.recordings.store import open_store
from pipeline_lib.recordings.whitening import noise_covariance

LIBRARIES = ("numpy", "scipy", "scikit-learn", "zarr")
ROUNDS = 5
QUICK = 20
SUBJECT = "sub-01"


def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="A twentieth of a subject.")] = False,
    report: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
    scratch: Annotated[Path | None, typer.Option(help="Where to write 25 GB; removed afterwards.")] = None,
) -> None:
    """Measure preprocessing on this machine."""
    full = Size()
    size = Size(full.train_images // QUICK // 2 * 2, full.test_images // QUICK) if quick else full
    figures = {"benchmark": "preprocess", "quick": quick, **surroundings(LIBRARIES)}
    figures["covariance"] = covariance_figures(1000 if quick else 4000)
    figures["subject"] = subject_figures(size, scratch)
    write_figures(figures, report)


def covariance_figures(n_epochs: int) -> dict[str, Any]:
    """The noise covariance of `n_epochs` epochs, two per image: one scikit-learn call after the other, and ours.

    Each is measured five times, one after the other in each round, and its fastest time counts: what other processes
    take away comes on top. BLAS has one thread in all of them. The difference is relative to the deviations: the
    largest |a_ij − b_ij| / √(b_ii b_jj) between the two covariances.
    """
    from threadpoolctl import threadpool_limits

    say(f"covariance of {n_epochs} epochs")
    epochs = correlated_epochs(n_epochs)
    images = np.arange(n_epochs) // 2
    seconds: dict[str, list[float]] = {"scikit_learn": [], "threads_1": [], "threads_2": []}
    for _ in range(ROUNDS):
        with threadpool_limits(limits=1):
            expected = _timed(lambda: looped_covariance(epochs), seconds["scikit_learn"])
        for threads in (1, 2):
            ours = _timed(
                lambda n=threads: noise_covariance(epochs, images, "epochs", where="benchmark", threads=n),
                seconds[f"threads_{threads}"],
            )
    per_epoch = {name: min(values) / n_epochs * 1e3 for name, values in seconds.items()}
    deviations = np.sqrt(np.diag(expected))
    return {
        "epochs": n_epochs,
        "channels": epochs.shape[1],
        "samples": epochs.shape[2],
        "dtype": str(epochs.dtype),
        "ms_per_epoch": {name: rounded(value) for name, value in per_epoch.items()},
        "times_faster": {name: rounded(per_epoch["scikit_learn"] / per_epoch[name]) for name in list(per_epoch)[1:]},
        "relative_difference": rounded(float(np.max(np.abs(ours - expected) / np.outer(deviations, deviations)))),
    }


def correlated_epochs(n_epochs: int, n_channels: int = 63, n_times: int = 250) -> np.ndarray:
    """Noise that channels share, in volts; float32."""
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((n_channels, n_channels)).astype(np.float32) * np.float32(1e-6)
    return mixing @ rng.standard_normal((n_epochs, n_channels, n_times), dtype=np.float32)


def looped_covariance(epochs: np.ndarray) -> np.ndarray:
    """The mean of scikit-learn's shrinkage covariances, shrinkage "auto" of its discriminant analysis, one by one."""
    return sum(scikit_learn_covariance(epoch.T) for epoch in epochs.astype(np.float64)) / len(epochs)


def scikit_learn_covariance(x: np.ndarray) -> np.ndarray:
    """Ledoit–Wolf on standardised features, scaled back; x has shape (n_samples, n_channels)."""
    from sklearn.covariance import ledoit_wolf
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler()
    covariance, _ = ledoit_wolf(scaler.fit_transform(x))
    return scaler.scale_[:, None] * covariance * scaler.scale_[None, :]


def subject_figures(size: Size, scratch: Path | None) -> dict[str, Any]:
    """Write a subject, run the stage `preprocess` on it by itself, and read the training means of its store."""
    with scratch_folder(scratch) as folder:
        say(f"writing a subject of {size.train_trials} training and {size.test_trials} test trials to {folder}")
        written: list[float] = []
        _timed(lambda: write_study(folder, size), written)
        say("preprocessing it")
        command = stage_command(folder)
        log: list[float] = []
        peak = _timed(lambda: peak_memory(command), log)
        store = folder / "epochs.zarr.zip"
        read: list[float] = []
        _forget(store)
        means = _timed(lambda: open_store(store).means(test=False), read)
        return {
            "train_trials": size.train_trials,
            "test_trials": size.test_trials,
            "raw_gb": rounded(_bytes_below(folder / "raw") / 1e9),
            "writing_s": rounded(written[0]),
            "preprocess_s": rounded(log[0]),
            "preprocess_peak_gib": rounded(peak / 2**30),
            "store_gb": rounded(store.stat().st_size / 1e9),
            "training_means": list(means.epochs.shape),
            "reading_training_means_s": rounded(read[0]),
        }


def write_study(folder: Path, size: Size) -> None:
    """Write raw files, stimulus table and parameters: THINGS-EEG2's, whichever study is in params.yaml."""
    params = with_values(read_params(ROOT / "params.yaml"), read_preset("things-eeg2").values, where="params.yaml")
    params["study"] |= {"name": "synthetic", "layout": "things-eeg2", "root": str(folder / "raw")}
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    write_table(folder / "stimuli.csv", size)
    write_subject(folder / "raw" / SUBJECT, size)


def stage_command(folder: Path) -> list[str]:
    """The stage's command line for such a study."""
    options = {
        "--subject": SUBJECT,
        "--stimuli": folder / "stimuli.csv",
        "--out": folder / "epochs.zarr.zip",
        "--quality": folder / "quality.json",
        "--params-file": folder / "params.yaml",
    }
    return [sys.executable, "-m", "stages.preprocess", *(str(word) for option in options.items() for word in option)]


def _forget(file: Path) -> None:
    """Let the system forget what it has in memory of a file, so that reading it is reading the disk."""
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _timed(function: Callable[[], Any], seconds: list[float]) -> Any:
    start = time.perf_counter()
    result = function()
    seconds.append(time.perf_counter() - start)
    return result


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    run_stage(main)
