"""What the reader of the layout `things-meg-epochs` promises, on epochs that MNE has written in parts."""

import shutil
from contextlib import suppress

import mne
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.things_meg_epochs import LAYOUT
from tests.recordings.tiny_study import study_params

N_TRIALS, N_TIMES = 60, 281
CH_NAMES = [*(f"MLC{i:02d}-1609" for i in range(38)), "BG1-1609", "UPPT001"]
CH_TYPES = ["mag"] * 38 + ["ref_meg", "stim"]
CODES = np.random.default_rng(0).integers(1, 26108, N_TRIALS)
CODES[::7] = 999999
DATA = np.random.default_rng(1).standard_normal((N_TRIALS, len(CH_NAMES), N_TIMES)).astype(np.float32)
SESSIONS = np.repeat([1, 2, 10], N_TRIALS // 3)


def write_epochs(folder, *, name="preprocessed_P1-epo.fif", split_size="2GB", metadata=None, bads=()):
    """Write the trials as the authors do; `split_size` decides the number of parts."""
    folder.mkdir(parents=True, exist_ok=True)
    info = mne.create_info(CH_NAMES, 200, CH_TYPES)
    info["bads"] = list(bads)
    events = np.c_[np.arange(N_TRIALS) * 300, np.zeros(N_TRIALS, int), CODES]
    epochs = mne.EpochsArray(DATA, info, events, tmin=-0.1, metadata=metadata, verbose="error")
    epochs.save(folder / name, split_size=split_size, verbose="error")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A study whose subject P1 has a file in three parts."""
    root = tmp_path_factory.mktemp("meg")
    write_epochs(root / "P1", split_size="2.2MB")
    assert sorted(file.name for file in (root / "P1").iterdir()) == [
        "preprocessed_P1-epo-1.fif",
        "preprocessed_P1-epo-2.fif",
        "preprocessed_P1-epo.fif",
    ]
    return root


def study_of(root):
    return study_params(layout="things-meg-epochs", root=root)


def runs_of(root, subject="P1"):
    return LAYOUT.runs(study_of(root), subject)


def test_reads_header_and_events(written):
    (run,) = runs_of(written)
    assert run.header().ch_names == CH_NAMES[:38]  # neither reference nor trigger channels
    assert (set(run.header().ch_types), run.header().sfreq) == ({"mag"}, 200.0)
    assert (run.session, run.file.name, run.tmin) == (1, "preprocessed_P1-epo.fif", -0.1)
    events = run.events()
    assert events["image"].tolist() == CODES.tolist()
    assert events["onset"].tolist() == list(range(N_TRIALS))
    assert events["split"].tolist() == ["catch" if code == 999999 else "train or test" for code in CODES]


@pytest.mark.parametrize("rows", [[0], [59, 3, 3, 25, 40], [], range(N_TRIALS)])
def test_reads_any_trials_from_any_part(written, rows):
    (run,) = runs_of(written)
    rows = np.array(rows, dtype=int)
    assert run.read(rows).shape == (len(rows), 38, N_TIMES)
    np.testing.assert_allclose(run.read(rows), DATA[rows][:, :38], rtol=1e-6)


def test_samples_stay_on_the_disk(written, monkeypatch):
    def read_all(*_, **__):
        raise AssertionError("all samples were read")

    (run,) = runs_of(written)
    monkeypatch.setattr(mne.BaseEpochs, "load_data", read_all)
    read = []
    one_epoch = mne.epochs.EpochsFIF._get_epoch_from_raw
    monkeypatch.setattr(
        mne.epochs.EpochsFIF, "_get_epoch_from_raw", lambda *a, **k: read.append(1) or one_epoch(*a, **k)
    )
    run.read(np.array([3, 50]))
    assert len(read) == 2


@pytest.mark.parametrize("column", ["session_nr", "session"])
def test_sessions_are_those_of_the_metadata(tmp_path, column):
    write_epochs(tmp_path / "P1", metadata=pd.DataFrame({column: SESSIONS}))
    runs = runs_of(tmp_path)
    assert [run.session for run in runs] == [1, 2, 10]
    assert np.concatenate([run.events()["image"] for run in runs]).tolist() == CODES.tolist()
    np.testing.assert_allclose(runs[2].read(np.array([1, 0])), DATA[[41, 40], :38], rtol=1e-6)


def test_metadata_without_sessions_are_one_session(tmp_path):
    write_epochs(tmp_path / "P1", metadata=pd.DataFrame({"rt": np.zeros(N_TRIALS)}))
    assert [run.session for run in runs_of(tmp_path)] == [1]


@pytest.mark.parametrize("part", [1, 2])
def test_a_missing_part_is_named(written, tmp_path, part):
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    (tmp_path / "P1" / f"preprocessed_P1-epo-{part}.fif").unlink()
    message = rf"P1/preprocessed_P1-epo-{part}\.fif: no such file, but preprocessed_P1-epo.fif continues in it; get it"
    with pytest.raises(InputError, match=message) as caught:
        runs_of(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["preprocessed_P1-epo.fif", "preprocessed_P1-epo-1.fif"])
@pytest.mark.parametrize("content", [b"", b"../.git/annex/objects/Xx/SHA256E-s2--12.fif\n", b"\0" * 5000])
def test_a_stub_in_place_of_a_part_is_one_line(written, tmp_path, name, content):
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    (tmp_path / "P1" / name).write_bytes(content)
    message = rf"{name}: is cut off, or a stub in place of the file \({len(content)} bytes\); get it again"
    with pytest.raises(InputError, match=message):
        runs_of(tmp_path)


def test_a_file_of_something_else_is_one_line(tmp_path):
    (tmp_path / "P1").mkdir()
    file = tmp_path / "P1" / "preprocessed_P1-epo.fif"
    mne.create_info(CH_NAMES, 200, CH_TYPES).save(file)
    with pytest.raises(InputError, match=r"preprocessed_P1-epo\.fif: cannot be read as epochs .*; get it again"):
        runs_of(tmp_path)


def test_a_link_to_nothing_is_named(tmp_path):
    (tmp_path / "P1").mkdir()
    (tmp_path / "P1" / "preprocessed_P1-epo.fif").symlink_to("nowhere.fif")
    with pytest.raises(
        InputError, match=r"preprocessed_P1-epo\.fif: cannot be read \(No such file .*\); get its content"
    ):
        runs_of(tmp_path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["-epo.fif", "-epo-1.fif", "-epo-2.fif"]),
    share=st.floats(0, 1),
    place=st.integers(-8000, 7999),
    byte=st.none() | st.binary(min_size=1, max_size=1),
)
def test_damage_is_one_line_and_loses_no_trial(written, tmp_path, name, share, place, byte):
    file = tmp_path / "P1" / f"preprocessed_P1{name}"
    if not file.parent.exists():
        shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    whole = (written / "P1" / file.name).read_bytes()
    place %= len(whole)
    cut = whole[: int(share * len(whole))]
    file.write_bytes(cut if byte is None else whole[:place] + byte + whole[place + 1 :])
    try:
        with suppress(InputError):
            runs = runs_of(tmp_path)
            trials = [run.read(run.events()["onset"].to_numpy()) for run in runs]
            assert byte is not None or sum(map(len, trials)) == N_TRIALS
            assert [len(run.header().ch_names) for run in runs] == [38]
    finally:
        file.write_bytes(whole)


def test_files_beside_the_subjects_are_to_be_moved(written, tmp_path):
    shutil.copy(written / "P1" / "preprocessed_P1-epo.fif", tmp_path)
    for subject in ("P1", "sub-01"):
        with pytest.raises(
            InputError, match=r"preprocessed_P1-epo\.fif: lies beside .*one per subject, such as .*/P1$"
        ):
            runs_of(tmp_path, subject)


def test_folders_without_or_with_too_many_files_are_named(written, tmp_path):
    (tmp_path / "P2").mkdir()
    (tmp_path / "P2" / "notes.txt").write_text("x")
    with pytest.raises(InputError, match=r"P2: no preprocessed_P\*-epo\.fif; expected .*; it holds: notes.txt"):
        runs_of(tmp_path, "P2")
    with pytest.raises(InputError, match=r"P7: no such subject; expected preprocessed_P1-epo.fif.*: P2"):
        runs_of(tmp_path, "P7")
    for name in ("P1", "P2"):
        shutil.copy(written / "P1" / "preprocessed_P1-epo.fif", tmp_path / "P2" / f"preprocessed_{name}-epo.fif")
    with pytest.raises(InputError, match=r"more than one person: preprocessed_P1-epo.fif, preprocessed_P2-epo.fif"):
        runs_of(tmp_path, "P2")


def test_defects_are_found(tmp_path):
    write_epochs(tmp_path / "P1")
    assert list(LAYOUT.defects(study_of(tmp_path), "P1")) == []
    write_epochs(tmp_path / "P2", name="preprocessed_P2-epo.fif", bads=["MLC03-1609"])
    (tmp_path / "P2" / "._preprocessed_P2-epo.fif").write_text("Mac OS X")
    copy, bad = LAYOUT.defects(study_of(tmp_path), "P2")
    assert (copy.place.name, copy.action) == ("._preprocessed_P2-epo.fif", "ignored")
    assert bad.what == "channels are marked bad: MLC03-1609"
    assert runs_of(tmp_path, "P2")[0].header().ch_names == CH_NAMES[:38]
