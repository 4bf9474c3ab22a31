"""Tables of events: seconds or samples, names or codes, whatever wrote them."""

import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.decoding.event_tables import read_events


def read(tmp_path, text, sfreq=200.0, name="events.csv", column=None, coded=True):
    file = tmp_path / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    events, named = read_events(file, sfreq, column, coded=coded)
    return events["onset"].tolist(), events["word"].tolist(), named


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("onset,image\n1.0,a.jpg\n2.5,b.jpg\n", "e.csv"),
        ("onset\tduration\tfile_path\n1.0\t0.1\ta.jpg\n2.5\t0.1\tb.jpg\n", "e.tsv"),
        (b"\xef\xbb\xbfsample,stim_file\r\n200,a.jpg\r\n500,b.jpg\r\n", "e.csv"),
        ("onset,image\n2.5,b.jpg\n1.0, a.jpg\n", "e.csv"),
        ("onset,sample,image_id\n1.0,7,a.jpg\n2.5,8,b.jpg\nn/a,9,c.jpg\n3,9,n/a\n", "e.csv"),
    ],
)
def test_names_at_samples_in_order_of_time(tmp_path, text, name):
    assert read(tmp_path, text, name=name) == ([200, 500], ["a.jpg", "b.jpg"], True)


def test_codes_are_numbers(tmp_path):
    assert read(tmp_path, "onset,event_code\n1,7\n2,8.0\n") == ([200, 400], [7, 8], False)


def test_without_a_column_of_images(tmp_path):
    assert read(tmp_path, "onset,trial_type\n1,go\n") == ([200], [""], False)
    assert read(tmp_path, "onset,trial_type\n1,go\n", column="trial_type") == ([200], ["go"], True)


def test_rows_of_cut_trials_need_no_onset(tmp_path):
    assert read(tmp_path, "image\na\nb\n", sfreq=None) == ([0, 1], ["a", "b"], True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time,image\n1,a\n", "has neither a column onset .* it has: time, image"),
        ("onset;image\n1;a\n", "it has: onset;image; a csv has commas between its columns, a tsv has tabs"),
        ("onset,image\n1,a\nsoon,b\n", "line 3: onset is 'soon', allowed: a number or n/a"),
        ("onset,image\n1,a\ninf,b\n", "line 3: onset is 'inf'"),
        ("onset,image\nn/a,a\n", "holds no events with an onset and an image"),
        ("onset,image\n", "holds no events"),
        ("", "cannot be read as a table of events"),
        ("onset,image\n1,a,b\n2,a,b\n", "more fields than the header"),
        (b"\xff\xfe\x00", "cannot be read as a table of events"),
    ],
)
def test_what_is_no_table_of_events(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


def test_a_column_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="has no column 'imgae', but: onset, image; did you mean 'image'"):
        read(tmp_path, "onset,image\n1,a\n", column="imgae")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"nothing.csv: cannot be read"):
        read_events(tmp_path / "nothing.csv", 200.0)


def test_without_a_stimulus_table_numbers_name_images(tmp_path):
    assert read(tmp_path, "onset,image\n1,007\n2,012\n", coded=False) == ([200, 400], ["007", "012"], True)
    assert read(tmp_path, "onset,event_code\n1,7\n", coded=False) == ([200], [7], False)
