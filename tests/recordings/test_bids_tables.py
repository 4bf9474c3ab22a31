"""Tables of BIDS: read whatever program wrote them; events that cannot be are named by file and line."""

import numpy as np
import pandas as pd
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.bids_tables import (
    channel_table,
    column_of_numbers,
    event_table,
    has_bom,
    read_sidecar_json,
    read_tsv,
    repeated_rows,
    sidecar_rate,
)
from tests.recordings.bids_study import ANNEX, place_of, run_at


@pytest.fixture
def tsv(tmp_path):
    def write(content):
        file = tmp_path / "x_events.tsv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    return write


@pytest.mark.parametrize(
    "content",
    [
        b"onset\timage\n1\ta.png\n2\tb.png\n",
        b"\xef\xbb\xbfonset\timage\n1\ta.png\n2\tb.png\n",
        b"onset\timage\r\n1\ta.png\r\n2\tb.png\r\n",
        b"onset\timage\r1\ta.png\r2\tb.png",
        b"onset\timage\n1\ta.png\n2\tb.png",
        b" onset \timage \n 1\ta.png \n2 \t b.png\n",
    ],
    ids=["plain", "mark", "windows", "old mac", "no last end", "blanks"],
)
def test_a_table_is_the_same_whoever_wrote_it(tsv, content):
    table = read_tsv(tsv(content), ("onset", "image"))
    assert table.to_dict("list") == {"onset": ["1", "2"], "image": ["a.png", "b.png"]}


def test_missing_values_are_written_in_several_ways(tsv):
    table = read_tsv(tsv("onset\tvalue\n1\tN/A\n2\tn/a\n3\t\n4\n5\tNA\n"))
    assert table["value"].tolist() == ["n/a"] * 4 + ["NA"]


def test_the_index_is_the_line_in_the_file(tsv):
    table = read_tsv(tsv("onset\tvalue\n1\t2\n\n\t\n3\t4\n"))
    assert table.index.tolist() == [2, 5]


def test_quotes_are_characters(tsv):
    assert read_tsv(tsv('name\n"a\nb"\n'))["name"].tolist() == ['"a', 'b"']


def test_missing_columns_are_named_and_those_that_are_there(tsv):
    with pytest.raises(InputError, match=r"x_events\.tsv: columns are missing: split; it has: onset, image$"):
        read_tsv(tsv("onset\timage\n"), ("image", "split"))


def test_a_stub_of_a_table_says_so(tsv, tmp_path):
    with pytest.raises(InputError, match=r"x_events\.tsv: a stub, no table; get its content first"):
        read_tsv(tsv(ANNEX))
    (tmp_path / "x_events.tsv").unlink()
    (tmp_path / "x_events.tsv").symlink_to("nowhere")
    with pytest.raises(InputError, match=r"x_events\.tsv: a stub, no table; get its content first"):
        read_tsv(tmp_path / "x_events.tsv")
    assert not has_bom(tmp_path / "x_events.tsv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read as a table"),
        (b"onset\n\xff\xfe\n", "cannot be read as a table"),
        (b"a\tb\n1\t2\t3\n", "more fields than the header"),
        (b"a\n1\n1\t2\n", "cannot be read as a table"),
    ],
    ids=["empty", "no utf-8", "long rows", "a long row"],
)
def test_what_is_no_table_is_refused(tsv, content, message):
    with pytest.raises(InputError, match=rf"x_events\.tsv: .*{message}"):
        read_tsv(tsv(content))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.tsv: cannot be read"):
        read_tsv(tmp_path / "none.tsv")


def test_byte_order_marks_are_found(tsv):
    assert has_bom(tsv(b"\xef\xbb\xbfa\n"))
    assert not has_bom(tsv(b"a\n"))


def test_numbers_are_finite(tsv):
    values = ["1", "2.5", "inf", "nan", "N/A", "three", "-4e0"]
    table = read_tsv(tsv("x\ty\n" + "".join(f"{value}\tz\n" for value in values)))
    numbers = column_of_numbers(table, "x")
    np.testing.assert_array_equal(numbers, [1, 2.5, np.nan, np.nan, np.nan, np.nan, -4])


# Events


def events_of(tsv, rows):
    """Rows of sample, value and split."""
    file = tsv("sample\tvalue\tsplit\n" + "".join("\t".join(map(str, row)) + "\n" for row in rows))
    table = read_tsv(file)
    numbers = {name: column_of_numbers(table, name) for name in ("sample", "value")}
    return event_table(table, samples=numbers["sample"], images=numbers["value"], splits=table["split"], file=file)


def test_events_are_whole_numbers_in_order_of_time(tsv):
    events = events_of(tsv, [(10, 3, "train"), (30, "4.0", "test"), (20, "N/A", "catch"), (40, 3, "train")])
    assert events.dtypes[["onset", "image"]].tolist() == [np.dtype("int64")] * 2
    expected = [[10, 3, "train"], [20, 0, "catch"], [30, 4, "test"], [40, 3, "train"]]
    assert events.to_numpy().tolist() == expected


def test_a_row_that_is_no_picture_may_be_anywhere_but_not_nowhere(tsv):
    rows = [(10, 3, "train"), (10, "n/a", "button"), (-5, "x", "start"), ("n/a", "n/a", "note"), (12, 3, "test")]
    assert events_of(tsv, rows)["split"].tolist() == ["start", "train", "button", "test"]


def test_a_trial_that_is_written_twice_is_one(tsv):
    events = events_of(tsv, [(10, 3, "train"), (10, 3, "train"), (20, 3, "train")])
    assert events["onset"].tolist() == [10, 20]
    table = pd.DataFrame({"a": ["1", "1", "2", "2"]})
    assert repeated_rows(table, pd.Series([True, True, False, False])) == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [(10, 1, "train"), (10, 2, "train")],
            r"line 3: the trial starts at the same sample as that of line 2 .*10 and 10",
        ),
        ([(10, 1, "train"), (10, 1, "test")], r"line 3: .*the same sample"),
        (
            [(10, 1, "train"), (30, 1, "x"), (9, 2, "test")],
            r"line 4: .*earlier than that of line 2 \(samples 9 and 10\)",
        ),
        ([("n/a", 1, "train")], r"line 2: the onset is no number, allowed: a whole sample from 0 on"),
        ([("soon", 1, "train")], r"line 2: the onset is no number"),
        ([("inf", 1, "train")], r"line 2: the onset is no number"),
        ([(-1, 1, "train")], r"line 2: the onset is -1,"),
        ([(10.5, 1, "train")], r"line 2: the onset is 10\.5,"),
        ([(1e30, 1, "train")], r"line 2: the onset is 1000000"),
        ([(10, "N/A", "train")], r"line 2: the event code of the image is no number, allowed: a whole number from 1"),
        ([(10, 2, "train"), (20, 2.5, "test")], r"line 3: the event code of the image is 2\.5"),
        ([(10, 0, "train")], r"line 2: the event code of the image is 0"),
        ([(10, -3, "train")], r"line 2: the event code of the image is -3"),
        ([(10, "1e300", "train")], r"line 2: the event code"),
    ],
    ids=str,
)
def test_what_cannot_be_an_event_is_named_by_file_and_line(tsv, rows, message):
    with pytest.raises(InputError, match=rf"x_events\.tsv, {message}"):
        events_of(tsv, rows)


def test_a_table_without_rows_has_no_events(tsv):
    events = events_of(tsv, [])
    assert (len(events), events["onset"].dtype) == (0, np.dtype("int64"))


# Sidecars of channels


@pytest.fixture
def run(tmp_path):
    base = place_of(tmp_path, "sub-1_task-a", "eeg")
    return run_at(base, root=tmp_path)


def write_sidecars(run, channels=None, json=None):
    for suffix, text in (("channels.tsv", channels), ("eeg.json", json)):
        if text is not None:
            run.base.with_name(f"{run.base.name}_{suffix}").write_text(text)


@pytest.mark.parametrize(
    ("channels", "json", "rate"),
    [
        (None, '{"SamplingFrequency": 250}', 250),
        (None, '{"SamplingFrequency": "250"}', 250),
        (None, '\ufeff{"SamplingFrequency": 250}', 250),
        (None, '{"SamplingFrequency": -1}', None),
        (None, '{"SamplingFrequency": null}', None),
        (None, '{"SamplingFrequency": [1]}', None),
        (None, '{"SamplingFrequency": NaN}', None),
        (None, "{}", None),
        (None, None, None),
        ("name\ttype\tsampling_frequency\na\tEEG\t500\nb\tEOG\t500\n", None, 500),
        ("name\ttype\tsampling_frequency\na\tEEG\t500\nb\tEOG\tn/a\n", "{}", 500),
        ("name\ttype\tsampling_frequency\na\tEEG\t500\nb\tEOG\t100\n", "{}", None),
        ("name\ttype\tsampling_frequency\na\tEEG\t500\n", '{"SamplingFrequency": 250}', 250),
    ],
)
def test_the_rate_by_sidecars(run, channels, json, rate):
    write_sidecars(run, channels, json)
    assert sidecar_rate(run, channel_table(run)) == rate


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", "[" * 100_000, '{"a": 1}x'], ids=lambda text: text[:5])
def test_json_that_is_none_is_named(run, text):
    write_sidecars(run, json=text)
    with pytest.raises(InputError, match=r"sub-1_task-a_eeg\.json: .*; correct the file or remove it"):
        read_sidecar_json(run)


def test_types_of_channels_are_upper_case(run):
    write_sidecars(run, "name\ttype\nFp1\teeg\nE\tEog\n")
    assert channel_table(run)["type"].tolist() == ["EEG", "EOG"]


def test_channels_without_types_are_refused(run):
    write_sidecars(run, "name\tunits\nFp1\tuV\n")
    with pytest.raises(InputError, match=r"_channels\.tsv: columns are missing: type; it has: name, units"):
        channel_table(run)
