"""Whatever stands in events, sidecars and signals: what is read is right, or one line says what is not."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings import bids, things_eeg2_bids, things_meg_bids
from pipeline_lib.recordings.recording import EVENT_COLUMNS
from tests.recordings.bids_study import noise, place_of, write_bdf, write_fif
from tests.recordings.tiny_study import study_params

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

CELLS = st.one_of(
    st.sampled_from(
        ["n/a", "N/A", "", " ", "train", "test", "image", "exp", "catch", "target", "a.png", "cat/b.png", "NaN"]
    ),
    st.integers(-5, 3000).map(str),
    st.floats().map(str),
    st.text(st.characters(codec="utf-8", exclude_characters="\t"), max_size=6),
)
NAMES = st.sampled_from(
    ["onset", "duration", "sample", "value", "trial_type", "tot_img_number", "stim_file", "split", "category_name", "x"]
)


@st.composite
def tables(draw):
    names = draw(st.lists(NAMES, min_size=1, max_size=9, unique=draw(st.booleans())))
    # Mostly good events, so that the fuzz reaches past the first check.
    rows = draw(st.lists(st.lists(CELLS, min_size=0, max_size=len(names) + 1), max_size=6))
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    text = end.join("\t".join(row) for row in [names, *rows])
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf", b"\xff\xfe"])) + text.encode("utf-8", "surrogatepass")


@st.composite
def likely_tables(draw):
    """Every column that is needed, most cells as they should be."""
    columns = {
        "onset": st.floats(-1, 12).map(str),
        "sample": st.integers(-1, 1200).map(str),
        "value": st.sampled_from(["1", "2.0", "n/a", "26107.0"]),
        "trial_type": st.sampled_from(["image", "exp", "test", "catch", "target"]),
        "tot_img_number": st.sampled_from(["1", "7", "16540", "n/a"]),
        "stim_file": st.sampled_from(["a.png", "cat\\b.png", "n/a"]),
        "split": st.sampled_from(["train", "test", "TRAIN", "other"]),
    }
    rows = draw(st.lists(st.tuples(*(st.one_of(kind, kind, kind, CELLS) for kind in columns.values())), max_size=5))
    return "\n".join("\t".join(row) for row in [columns, *rows]).encode("utf-8", "surrogatepass")


LAYOUTS = [
    ("things-eeg2-bids", things_eeg2_bids.LAYOUT, "sub-1_task-train_run-01", "eeg", ".bdf"),
    ("things-meg-bids", things_meg_bids.LAYOUT, "sub-1_task-main_run-01", "meg", ".fif"),
    ("bids", bids.LAYOUT, "sub-1_task-a", "eeg", ".bdf"),
]


@pytest.fixture(scope="module")
def signals(tmp_path_factory):
    """A folder of small signals: ``x.bdf``, ``x.fif``."""
    folder = tmp_path_factory.mktemp("signals")
    names = ["C1", "C2"]
    bdf = write_bdf(folder / "x_eeg.bdf", noise(2), names)
    fif = write_fif(folder / "x_meg.fif", noise(2, scale=1e-12), names, ["mag", "mag"])
    bdf.rename(folder / "x.bdf")
    fif.rename(folder / "x.fif")
    return folder


@pytest.fixture
def study_of(tmp_path):
    """Write a study into a new folder, with files given by how they end."""

    def write(layout, stem, datatype, files):
        return write_study(Path(tempfile.mkdtemp(dir=tmp_path)), layout, stem, datatype, files)

    return write


def write_study(root, layout, stem, datatype, files):
    base = place_of(root, stem, datatype)
    for end, content in files.items():
        base.with_name(f"{stem}_{end}").write_bytes(content)
    return study_params(layout=layout, root=root)


def one_line(error):
    assert "\n" not in str(error)
    assert len(str(error)) < 1000


@pytest.mark.parametrize("layout", LAYOUTS, ids=[layout[0] for layout in LAYOUTS])
@FEW
@given(content=st.one_of(likely_tables(), likely_tables(), tables(), st.binary(max_size=60)))
def test_events_are_right_or_refused(signals, study_of, layout, content):
    name, reader, stem, datatype, ending = layout
    study = study_of(
        name, stem, datatype, {"events.tsv": content, f"{datatype}{ending}": (signals / f"x{ending}").read_bytes()}
    )
    list(reader.defects(study, "sub-1"))
    try:
        events = reader.runs(study, "sub-1")[0].events()
    except InputError as error:
        one_line(error)
        return
    assert events.columns[:3].tolist() == list(EVENT_COLUMNS)
    assert events["onset"].dtype == np.int64
    assert events["onset"].is_monotonic_increasing
    shown = events[events["split"].isin(["train", "test"])]
    assert shown["onset"].is_unique
    assert (shown["onset"] >= 0).all()
    if name == "bids":
        assert not shown["image"].isin(["", "n/a"]).any()
    else:
        assert events["image"].dtype == np.int64
        assert (shown["image"] > 0).all()


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(["SamplingFrequency", "x"]), inner)
    ),
    max_leaves=5,
)


@pytest.mark.parametrize("layout", LAYOUTS, ids=[layout[0] for layout in LAYOUTS])
@FEW
@given(
    channels=st.one_of(
        st.binary(max_size=50),
        st.lists(st.tuples(CELLS, st.sampled_from(["EEG", "eeg", "OTHER", "MISC", "n/a"]), CELLS, CELLS), max_size=4),
    ),
    sidecar=st.one_of(st.binary(max_size=30), JSON),
    with_signal=st.booleans(),
)
def test_headers_by_sidecars_are_right_or_refused(signals, study_of, layout, channels, sidecar, with_signal):
    name, reader, stem, datatype, ending = layout
    if isinstance(channels, list):
        rows = [("name", "type", "status", "sampling_frequency"), *channels]
        channels = "\n".join("\t".join(row) for row in rows).encode("utf-8", "surrogatepass")
    sidecar = sidecar if isinstance(sidecar, bytes) else json.dumps(sidecar).encode()
    files = {"events.tsv": b"onset\n", "channels.tsv": channels, f"{datatype}.json": sidecar}
    files |= {f"{datatype}{ending}": (signals / f"x{ending}").read_bytes()} if with_signal else {}
    study = study_of(name, stem, datatype, files)
    list(reader.defects(study, "sub-1"))
    try:
        header = reader.runs(study, "sub-1")[0].header()
    except InputError as error:
        one_line(error)
        return
    assert len(header.ch_names) == len(header.ch_types)
    assert set(header.ch_types) <= {"eeg", "mag", "grad"}
    assert header.sfreq is None or 0 < header.sfreq < np.inf


@pytest.mark.parametrize("layout", LAYOUTS[:2], ids=[layout[0] for layout in LAYOUTS[:2]])
@FEW
@given(data=st.data())
def test_a_damaged_signal_is_read_or_refused(signals, study_of, layout, data):
    name, reader, stem, datatype, ending = layout
    content = bytearray((signals / f"x{ending}").read_bytes())
    for place in data.draw(st.lists(st.integers(0, 900), max_size=8)):  # the header's part of the file
        content[place] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))]
    study = study_of(name, stem, datatype, {"events.tsv": b"onset\n", f"{datatype}{ending}": bytes(content)})
    run = reader.runs(study, "sub-1")[0]
    for read in (run.header, run.signal):
        try:
            result = read()
        except InputError as error:
            one_line(error)
        else:
            assert len(result.ch_names) == len(result.ch_types)
