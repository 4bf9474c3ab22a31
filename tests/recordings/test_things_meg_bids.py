"""Layout things-meg-bids: the image is `value`, catch trials are none, dropouts stand where the authors found them."""

import numpy as np
import pandas as pd
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.things_meg_bids import LAYOUT
from tests.recordings.bids_study import noise, place_of, write_fif, write_meg_run, write_table
from tests.recordings.tiny_study import study_params

COLUMNS = ("onset", "duration", "trial_type", "things_category_nr", "value", "sample")


def events(*rows):
    """Rows of sample, trial_type and value at 100 Hz, numbers written as floats."""
    filled = [(sample / 100, 0.5, kind, "1760.0", value, sample) for sample, kind, value in rows]
    return pd.DataFrame(filled, columns=list(COLUMNS))


@pytest.fixture
def study(tmp_path):
    shown = events((100, "exp", "24812.0"), (200, "catch", "N/A"), (300, "test", "7.0"))
    for run in (1, 2, 10):
        write_meg_run(tmp_path, f"sub-BIGMEG1_ses-01_task-main_run-{run:02d}", shown, seed=run)
    return study_params(layout="things-meg-bids", root=tmp_path)


def test_codes_are_the_values_and_catch_trials_are_no_pictures(study):
    expected = [[100, 24812, "train"], [200, 0, "catch"], [300, 7, "test"]]
    runs = LAYOUT.runs(study, "sub-BIGMEG1")
    assert len(runs) == 3
    for run in runs:
        assert run.events()[["onset", "image", "split"]].to_numpy().tolist() == expected


def test_fif_in_place_of_ctf_is_read_with_the_sensors_alone(study):
    run = LAYOUT.runs(study, "sub-BIGMEG1")[2]
    signal = run.signal()
    assert run.file.name == "sub-BIGMEG1_ses-01_task-main_run-10_meg.fif"
    assert (signal.ch_names, signal.ch_types) == (["MLO11-1609", "MRO11-1609"], ["mag", "mag"])
    np.testing.assert_allclose(signal.data, noise(4, scale=1e-12, seed=10)[1:3], rtol=1e-6)
    assert run.header().ch_names == signal.ch_names


def test_reading_needs_no_sidecar(study):
    for file in study.root.rglob("*channels.tsv"):
        file.unlink()
    for file in study.root.rglob("*.json"):
        file.unlink()
    run = LAYOUT.runs(study, "sub-BIGMEG1")[0]
    assert run.header().ch_names == ["MLO11-1609", "MRO11-1609"]
    assert run.signal().data.shape == (2, 1000)
    assert len(run.events()) == 3


def test_a_resampled_signal_is_refused_for_its_events_count_other_samples(study):
    run = LAYOUT.runs(study, "sub-BIGMEG1")[0]
    write_fif(run.file, noise(2, 500), ["MLO11-1609", "MRO11-1609"], ["mag", "mag"], sfreq=50.0)
    with pytest.raises(InputError, match=r"run-01_meg\.fif: has 50 Hz, but its meg\.json says 100, .*; get the"):
        run.signal()


def test_sidecars_stand_in_for_a_signal_that_is_not_there(study):
    for file in study.root.rglob("*_meg.fif"):
        file.unlink()
    run = LAYOUT.runs(study, "sub-BIGMEG1")[0]
    header = run.header()
    assert (header.ch_names, header.ch_types) == (["MLO11-1609", "MRO11-1609"], ["mag", "mag"])
    assert header.sfreq == 100
    with pytest.raises(
        InputError, match=r"run-01_meg: there is no signal of this name, ending in .*\.ds; get its content"
    ):
        run.signal()


def test_without_signal_and_sidecars_nothing_is_known(study):
    for file in [*study.root.rglob("*_meg.*"), *study.root.rglob("*channels.tsv")]:
        file.unlink()
    header = LAYOUT.runs(study, "sub-BIGMEG1")[0].header()
    assert (header.ch_names, header.ch_types, header.sfreq) == ([], [], None)


@pytest.mark.parametrize(
    ("subject", "session", "run", "dropout"),
    [
        ("sub-BIGMEG1", 11, 5, (13.4, 0.2)),
        ("sub-BIGMEG2", 10, 3, (59.8, 0.2)),
    ],
)
def test_known_dropouts_belong_to_one_run_each(tmp_path, subject, session, run, dropout):
    for some_session in (9, 10, 11):
        for some_run in range(1, 11):
            base = place_of(tmp_path, f"{subject}_ses-{some_session:02d}_task-main_run-{some_run:02d}", "meg")
            base.with_name(f"{base.name}_events.tsv").touch()
    study = study_params(layout="things-meg-bids", root=tmp_path)
    found = [(one.session, one.file.name, one.dropouts) for one in LAYOUT.runs(study, subject) if one.dropouts]
    assert found == [(session, f"{subject}_ses-{session}_task-main_run-{run:02d}_meg", (dropout,))]


def test_a_value_that_is_no_number_is_named(study):
    base = place_of(study.root, "sub-BIGMEG1_ses-01_task-main_run-01", "meg")
    write_table(base.with_name(f"{base.name}_events.tsv"), events((100, "exp", "5.0"), (200, "exp", "N/A")))
    with pytest.raises(InputError, match=r"run-01_events\.tsv, line 3: the event code of the image is no number"):
        LAYOUT.runs(study, "sub-BIGMEG1")[0].events()


# The real sessions


@pytest.fixture(scope="module")
def real(real_data):
    return study_params(layout="things-meg-bids", root=real_data / "things-meg-bids")


def test_every_real_run_has_20_test_and_20_catch_trials(real):
    runs = LAYOUT.runs(real, "sub-BIGMEG1")
    assert [run.session for run in runs] == [1] * 10 + [2] * 10
    for run in runs:
        counts = run.events()["split"].value_counts()
        assert (counts["test"], counts["catch"]) == (20, 20)
        assert counts.sum() in (225, 226)


def test_the_real_images_are_those_of_things(real):
    shown = pd.concat([run.events() for run in LAYOUT.runs(real, "sub-BIGMEG1")])
    train, test = (shown.loc[shown["split"] == split, "image"] for split in ("train", "test"))
    assert (train.is_unique, test.nunique(), set(test.value_counts())) == (True, 200, {2})
    assert shown.loc[shown["split"] != "catch", "image"].between(1, 26_107).all()
    assert not set(train) & set(test)


def test_the_real_header_counts_272_sensors_though_they_are_typed_other(real):
    header = LAYOUT.runs(real, "sub-BIGMEG1")[0].header()
    assert (len(header.ch_names), set(header.ch_types), header.sfreq) == (272, {"mag"}, 1200)
    assert "MRO11-1609" in header.ch_names


def test_the_defects_of_the_real_sessions(real):
    found = LAYOUT.defects(real, "sub-BIGMEG1")
    told = {defect.what: (defect.place.name, defect.action) for defect in found}
    base = "sub-BIGMEG1_ses-01_task-main_run-01"
    assert told["AppleDouble file, which macOS writes beside the real one"] == (f"._{base}_events.tsv", "ignored")
    assert told["no signal, not even a stub of it (the first of 20 files)"][0] == f"{base}_meg"
    types = "the 272 sensors of MEG are typed OTHER (the first of 20 files)"
    assert told[types] == (f"{base}_channels.tsv", "types are taken from the signal")
    assert len(found) == 3
