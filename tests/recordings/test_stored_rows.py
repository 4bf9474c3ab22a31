"""Rows read in pieces are the rows read at once."""

import numpy as np
import pytest

from pipeline_lib.recordings import store as store_module
from pipeline_lib.recordings import stored_rows
from pipeline_lib.recordings.store import EpochsData, open_store, write_store

N_TRAIN, N_TEST = 23, 8


@pytest.fixture
def store(tmp_path, monkeypatch):
    """31 trials of as many images, in chunks of three, of two channels and three samples."""
    monkeypatch.setattr(store_module, "CHUNK_BYTES", 3 * 4 * 6)
    n_trials = N_TRAIN + N_TEST
    data = EpochsData(
        epochs=np.random.default_rng(0).standard_normal((n_trials, 2, 3)).astype(np.float32),
        image_ids=np.array([f"image{i:02}" for i in range(n_trials)]),
        session=np.ones(n_trials, dtype=int),
        test=np.arange(n_trials) >= N_TRAIN,
        ch_names=["Oz", "Pz"],
        sfreq=250.0,
        tmin=0.0,
        subject="sub-01",
        whitening="none",
        provenance={},
    )
    write_store(tmp_path / "x.zarr.zip", data, dtype="float16")
    return open_store(tmp_path / "x.zarr.zip")


@pytest.mark.parametrize("test", [False, True])
@pytest.mark.parametrize("kind", ["trials", "means"])
@pytest.mark.parametrize("n_bytes", [1, 200, 1 << 26])
def test_pieces_make_up_the_whole(store, monkeypatch, kind, test, n_bytes):
    monkeypatch.setattr(stored_rows, "BLOCK_BYTES", n_bytes)
    rows = store.rows(kind, test)
    pieces = list(rows.blocks())
    assert [piece.start for piece, _ in pieces] == [0, *(piece.stop for piece, _ in pieces[:-1])]
    assert pieces[-1][0].stop == len(rows) == rows.shape[0] == (N_TEST if test else N_TRAIN)
    whole = np.concatenate([epochs for _, epochs in pieces])
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(whole, rows.epochs())
    responses = store.trials(test) if kind == "trials" else store.means(test)
    np.testing.assert_array_equal(whole, responses.epochs)
    assert rows.image_ids == responses.image_ids


def test_pieces_are_of_the_size_asked_for_in_whole_chunks(store, monkeypatch):
    monkeypatch.setattr(stored_rows, "BLOCK_BYTES", 2 * 3 * 4 * 6)
    sizes = [len(epochs) for _, epochs in store.rows("trials", test=True).blocks()]
    assert sizes == [1, 6, 1]  # test rows are 23..31, chunks end at 24 and 30
