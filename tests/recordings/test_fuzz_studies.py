"""Whatever stands in tables of events and headers: preprocessing gives trials or one line, and inspection a report."""

import json
import os
import re
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipeline_lib.commands.inspect import report
from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.inspection import inspect_subject
from tests.recordings.bids_study import write_fif
from tests.recordings.every_layout import EVENTS, SUBJECT, TASKS, Recording, made_study, recording
from tests.recordings.tiny_study import preprocessed

# TRIALIGN_FUZZ=20 pytest tests/recordings/test_fuzz_studies.py: twenty times as many, and others each time.
TIMES = int(os.environ.get("TRIALIGN_FUZZ", "1"))


def few(max_examples):
    return hypothesis_settings(
        max_examples=max_examples * TIMES,
        deadline=None,
        derandomize=TIMES == 1,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


NUMBERS = st.one_of(
    st.sampled_from([0, -1, 1, 2, 3, 11, 12, 99, 2**31, 2**53, 10**30, 1.5, -0.0, 1e308, float("nan"), float("inf")]),
    st.integers(-5, 1000),
    st.floats(),
)
CELLS = st.one_of(
    NUMBERS.map(str),
    st.sampled_from(
        ["n/a", "N/A", "", " ", "train", "test", "center", "image", "exp", "catch", "train/1.jpg", "1.jpg"]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\t\n\r"), max_size=5),
)
CHANNELS = st.lists(st.sampled_from(["Fp1", "fp1", "Oz", "oz", "Pz", "Pz-1609", "PZ ", "", "stim", "P3"]), max_size=5)
RATES = st.one_of(
    st.sampled_from(
        [100.0, 100, 50.0, 128.0, 99.9, 0.1, 1e-300, 1e9, 1e300, 0, -100.0, float("nan"), "100", None, [1]]
    ),
    st.floats(),
)


@st.composite
def spoiled_tables(draw, layout):
    """The text of an events.tsv: mostly as it should be, some cells, rows and columns not."""
    split = draw(st.sampled_from(["train", "test"]))
    codes = {"train": [1, 2, 3] * 6 + [4], "test": [11, 12] * 9 + [13], "target": [0]}
    kinds = draw(st.lists(st.sampled_from([split] * 9 + ["train", "test", "target"]), max_size=8))
    events = [(50 + 60 * row, draw(st.sampled_from(codes[kind])), kind) for row, kind in enumerate(kinds)]
    table = EVENTS[layout](Recording(events, 600)).astype(str)
    for _ in range(draw(st.integers(0, 3)) if len(table) else 0):
        column = draw(st.sampled_from(table.columns.tolist()))
        table.loc[draw(st.integers(0, len(table) - 1)), column] = draw(CELLS)
    rows = [table.columns.tolist(), *table.to_numpy().tolist()]
    change = draw(st.sampled_from(["none"] * 9 + ["twice", "shuffled", "column", "named", "ragged", "cut"]))
    if change == "twice":
        rows = rows[:1] + [row for row in rows[1:] for _ in range(2)]
    elif change == "shuffled":
        rows[1:] = draw(st.permutations(rows[1:]))
    elif change == "column":
        place = draw(st.integers(0, len(rows[0]) - 1))
        rows = [row[:place] + row[place + 1 :] for row in rows]
    elif change == "named":
        rows[0][draw(st.integers(0, len(rows[0]) - 1))] = draw(st.one_of(CELLS, st.sampled_from(rows[0])))
    elif change == "ragged":
        rows[draw(st.integers(0, len(rows) - 1))] += ["x"]
    text = "\n".join("\t".join(row) for row in rows)
    return split, text[: draw(st.integers(0, len(text)))] if change == "cut" else text


def held(made, run_settings):
    """What must hold of a study, however it is spoiled."""
    summary = inspect_subject(made.study, SUBJECT)
    json.dumps(summary.as_json(made.study.root), allow_nan=False)
    assert all("\n" not in line for line in report(summary, None, made.study.root))
    try:
        data = preprocessed(made.study, run_settings, SUBJECT, made.table).data
    except InputError as error:
        event("refused: " + re.sub(r"\S*/\S*|[\d.]+|'.*?'", "_", str(error))[:60])
        refused = str(error)
    else:
        event("trials")
        refused = None
    if refused is not None:
        assert "\n" not in refused
        assert 0 < len(refused) < 1000
        return
    assert np.isfinite(data.epochs).all()
    assert len(data.epochs) == len(data.image_ids) == len(data.test)
    assert set(data.image_ids[data.test]) <= set(made.table.ids("test"))
    assert set(data.image_ids[~data.test]) <= set(made.table.ids("train"))


@pytest.fixture
def fresh(tmp_path):
    """A new study of a layout."""
    return lambda layout: made_study(layout, Path(tempfile.mkdtemp(dir=tmp_path)))


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """Signals whose headers are odd, by name: rates and channels."""
    folder = tmp_path_factory.mktemp("pool")
    rates = {"slow": 0.5, "usual": 100.0, "other": 128.0, "odd": 99.97, "fast": 1e6}
    names = {"usual": ["Fp1", "Oz", "Pz"], "other": ["Pz", "P3", "oz-1609", "FP1"], "lost": ["Oz"]}
    for rate, sfreq in rates.items():
        for which, channels in names.items():
            made = replace(recording("train"), names=channels, sfreq=sfreq)
            file = folder / f"{rate}-{which}_meg.fif"
            write_fif(file, made.microvolts() * 1e-13, channels, ["mag"] * len(channels), sfreq)
    return {file.stem: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("layout", TASKS)
@few(30)
@given(data=st.data())
def test_tables_of_events(layout, fresh, settings, data):
    made = fresh(layout)
    split, text = data.draw(spoiled_tables(layout))
    file = made.files[split, 1]
    file.with_name(f"{file.stem.rpartition('_')[0]}_events.tsv").write_bytes(text.encode("utf-8", "surrogatepass"))
    rate = data.draw(st.sampled_from([None, 50.0, 50.0]))
    held(made, settings(sfreq=rate, whitening__enabled=data.draw(st.booleans())))


@few(20)
@given(data=st.data())
def test_headers_and_sidecars(pool, fresh, settings, data):
    made = fresh("things-meg-bids")
    file = made.files["train", data.draw(st.sampled_from([1, 2]))]
    file.write_bytes(pool[data.draw(st.sampled_from(sorted(pool)))])
    base = file.with_name(file.stem.rpartition("_")[0])
    kinds = data.draw(st.lists(st.tuples(CELLS, st.sampled_from(["MEGMAG", "OTHER", "EEG", "x"]), CELLS), max_size=3))
    rows = [("name", "type", "status"), *kinds]
    Path(f"{base}_channels.tsv").write_text("\n".join(map("\t".join, rows)), encoding="utf-8")
    Path(f"{base}_meg.json").write_text(json.dumps({"SamplingFrequency": data.draw(RATES)}))
    chosen = {"sfreq": data.draw(st.sampled_from([None, 50.0])), "picks": data.draw(st.sampled_from(["all", ["Oz"]]))}
    held(made, settings(**chosen, resampling=data.draw(st.sampled_from(["fourier", "decimate"]))))


def spoil_raw(content, draw):
    """Change one thing in a raw file."""
    data = content["raw_eeg_data"]
    match draw(st.sampled_from(["codes", "sample", "names", "types", "rate", "rate", "length", "rows"])):
        case "codes":
            for value in draw(st.lists(NUMBERS, max_size=4)):
                data[-1, draw(st.integers(0, data.shape[1] - 1))] = value
        case "sample":
            data[draw(st.integers(0, 2)), draw(st.integers(0, data.shape[1] - 1))] = draw(NUMBERS)
        case "names":
            names = draw(st.one_of(CHANNELS, st.permutations(["fp1", "OZ", "Pz"])))
            content["ch_names"] = [*names, "stim"] if draw(st.booleans()) else names
        case "types":
            content["ch_types"] = draw(st.lists(st.sampled_from(["eeg", "EEG", "stim", "eog", "mag"]), max_size=5))
        case "rate":
            content["sfreq"] = draw(RATES)
        case "length":
            content["raw_eeg_data"] = data[:, : draw(st.integers(0, data.shape[1]))]
        case "rows":
            content["raw_eeg_data"] = data[draw(st.lists(st.integers(0, 3), max_size=5))]


@few(60)
@given(data=st.data())
def test_raw_files(fresh, settings, data):
    made = fresh("things-eeg2")
    for place in data.draw(st.sampled_from([[("train", 1)], [("test", 2)], list(made.files)])):
        content = np.load(made.files[place], allow_pickle=True).item()
        spoil_raw(content, data.draw)
        np.save(made.files[place], content)
    held(made, settings(sfreq=data.draw(st.sampled_from([None, 50.0, 50.0])), flat_channels="keep"))
