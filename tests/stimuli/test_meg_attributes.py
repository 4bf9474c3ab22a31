"""Names of THINGS-MEG's pictures from its tables of trials: taken only where they are proved to belong."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.bids_files import runs_of_study
from pipeline_lib.recordings.things_meg_bids import read_events
from pipeline_lib.stimuli.catalogue import read_catalogue
from pipeline_lib.stimuli.meg_attributes import attribute_files, concept_folder, picture_paths
from tests.recordings.bids_study import place_of, write_table
from tests.recordings.tiny_study import study_params

# THINGS' number of a picture: THINGS' number of its category and where it lay when it was shown
PICTURES = {
    1: (1, "images_test_meg/aardvark_01b.jpg"),
    2: (1, "images_meg/aardvark/aardvark_02s.jpg"),
    3: (2, "images_meg/coat_rack/coat_rack_01b.jpg"),
    4: (2, "images_meg/coat_rack/coat_rack_02s.jpg"),
    5: (3, "images_meg/hot-air_balloon/hot-air_balloon_10n.jpg"),
}
FILES = ["aardvark/aardvark_01b.jpg", "coat_rack/coat_rack_01b.jpg", "coat_rack/coat_rack_02s.jpg"]
FILES += ["hot-air_balloon/hot-air_balloon_10n.jpg"]
# Event codes of runs; None is a catch trial and only 1 is a test
RUNS = {
    ("sub-BIGMEG1", 1, 1): [3, 1, None, 5],
    ("sub-BIGMEG1", 1, 2): [None, 4, 1],
    ("sub-BIGMEG1", 2, 1): [1, 5],
    ("sub-BIGMEG2", 1, 1): [4, 1, 3],
}


def kind_of(code):
    return "catch" if code is None else "test" if code == 1 else "exp"


def write_run(root, subject, session, run, codes):
    base = place_of(root, f"{subject}_ses-{session:02}_task-main_run-{run:02}", "meg")
    rows = [
        (i, kind_of(code), "N/A" if code is None else float(PICTURES[code][0]), code or "N/A", 100 * i)
        for i, code in enumerate(codes)
    ]
    columns = ["onset", "trial_type", "things_category_nr", "value", "sample"]
    write_table(base.with_name(f"{base.name}_events.tsv"), pd.DataFrame(rows, columns=columns))


def trials_of(subject):
    """The table of trials that goes with RUNS, in the form of the real one."""
    rows = []
    for (name, session, run), codes in RUNS.items():
        for code in codes if name == subject else ():
            category, path = PICTURES.get(code, (np.nan, "images_catch_meg/catch047.jpg"))
            number = np.nan if code is None else float(code)
            rows.append((kind_of(code), 2000 - category, category, number, path, session, run, 0.5))
    numbers = ["category_nr", "things_category_nr", "things_image_nr"]
    return pd.DataFrame(rows, columns=["trial_type", *numbers, "image_path", "session_nr", "run_nr", "RT"])


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.fixture
def study(tmp_path):
    root = tmp_path / "study"
    for place, codes in RUNS.items():
        write_run(root, *place, codes)
    (root / "sourcedata").mkdir()
    touch(tmp_path / "images", *FILES)
    return study_params(layout="things-meg-bids", root=root, images=tmp_path / "images", stimuli=root)


def write_trials(study, number, table=None):
    file = study.root / "sourcedata" / f"sample_attributes_P{number}.csv"
    (trials_of(f"sub-BIGMEG{number}") if table is None else table).to_csv(file, index=False)
    return file


@pytest.fixture
def named(study):
    """The study with the tables of both participants."""
    for number in (1, 2):
        write_trials(study, number)
    return study


def swapped(table, a, b, columns=None):
    """The table with rows a and b exchanged, or some columns of theirs."""
    columns = columns or list(table)
    order = list(table.index)
    order[a], order[b] = order[b], order[a]
    return table.assign(**{name: table[name].to_numpy()[order] for name in columns})


def changed(table, row, **values):
    table = table.astype(object)
    for name, value in values.items():
        table.loc[row, name] = value
    return table


def without(table, *columns):
    return table.drop(columns=list(columns))


# What proved tables give


def test_the_table_is_that_of_names_by_event_code(named):
    table = read_catalogue(named).frame
    rows = ["1,00001_aardvark,aardvark_01b.jpg", "3,00002_coat_rack,coat_rack_01b.jpg"]
    rows += ["4,00002_coat_rack,coat_rack_02s.jpg", "5,00003_hot-air_balloon,hot-air_balloon_10n.jpg"]
    (named.root / "names.csv").write_text("\n".join(["Event_ID,Category_Prefix,Image", *rows]))
    pd.testing.assert_frame_equal(table, read_catalogue(named).frame)
    assert table["file"].tolist() == FILES
    assert table["concept"].tolist() == ["aardvark", "coat rack", "coat rack", "hot air balloon"]
    assert table["split"].tolist() == ["test", "train", "train", "train"]


def test_a_csv_by_event_code_goes_first(named):
    write_trials(named, 1, pd.DataFrame({"anything": [1, 2]}))
    (named.root / "names.csv").write_text("Event_ID,Category_Prefix,Image\n1,a,b.jpg\n")
    with pytest.raises(InputError, match=r"names\.csv: column Event_ID lacks event codes that were shown: 3, 4, 5"):
        read_catalogue(named)


@pytest.mark.parametrize("numbers", [["things_image_nr"], ["things_category_nr"]])
def test_one_of_things_numbers_is_enough(named, numbers):
    for number in (1, 2):
        table = trials_of(f"sub-BIGMEG{number}")
        write_trials(named, number, table[["image_path", "trial_type", "session_nr", "run_nr", *numbers]])
    assert read_catalogue(named).frame["file"].tolist() == FILES


def test_the_experiments_own_number_counts_only_where_things_numbers_are_missing(named):
    bare = [without(trials_of(f"sub-BIGMEG{n}"), "things_image_nr", "things_category_nr") for n in (1, 2)]
    for number, table in enumerate(bare, 1):
        write_trials(named, number, table.assign(category_nr=2000 - table["category_nr"]))
    assert read_catalogue(named).frame["file"].tolist() == FILES
    write_trials(named, 1, bare[0])
    with pytest.raises(InputError, match=r"P1\.csv, row 1: category_nr is 1998, but trial 1 of .*_events\.tsv has 2;"):
        read_catalogue(named)


def test_rows_of_runs_that_are_not_on_disk_are_ignored(named):
    run = "sub-BIGMEG1_ses-01_task-main_run-01_events.tsv"
    (named.root / "sub-BIGMEG1" / "ses-01" / "meg" / run).unlink()
    write_trials(named, 1, changed(trials_of("sub-BIGMEG1"), 1, image_path="nonsense", trial_type="?"))
    assert read_catalogue(named).frame["file"].tolist() == FILES


def test_a_subject_without_a_table_is_served_by_others(study):
    write_trials(study, 1)
    assert read_catalogue(study).frame["file"].tolist() == FILES


def test_a_subject_whose_pictures_nobody_names_is_told_which_file_to_get(study):
    write_trials(study, 2)
    with pytest.raises(
        InputError,
        match=r"BIGMEG1_ses-01_task-main_run-01_events\.tsv: no sample_attributes_P\*\.csv names event codes that were "
        r"shown: 5; get sourcedata/sample_attributes_P1\.csv, or put a csv with Event_ID, Category_Prefix and Image",
    ):
        read_catalogue(study)


def test_a_table_of_nobody_here_names_nothing(study):
    write_trials(study, 4, trials_of("sub-BIGMEG1"))
    with pytest.raises(InputError, match=r"event codes that were shown: 1, 3, 5; get sourcedata/sample_attributes_P1"):
        read_catalogue(study)


def test_catch_trials_may_hold_anything_but_their_type_and_place(named):
    table = changed(trials_of("sub-BIGMEG1"), 2, things_image_nr=99, things_category_nr="N/A", image_path="")
    write_trials(named, 1, table)
    assert read_catalogue(named).frame["file"].tolist() == FILES


def test_without_any_names_both_kinds_of_file_are_described(study):
    with pytest.raises(InputError, match=r"put a csv file .* there, or sourcedata/sample_attributes_P1\.csv"):
        read_catalogue(study)


# Where the pictures lie


@pytest.mark.parametrize(
    "place",
    ["as shown", "by concept", "by numbered concept"],
)
def test_pictures_are_found_as_shown_or_by_concept(named, tmp_path, place):
    images = tmp_path / "other"
    by_concept = dict(zip((1, 3, 4, 5), FILES, strict=True))
    if place == "as shown":
        expected = [PICTURES[code][1] for code in by_concept]
    else:
        expected = [f"0071{code}_{file}" if "number" in place else file for code, file in by_concept.items()]
        expected = [file.replace("00714", "00713") for file in expected]
    touch(images, *expected)
    frame = read_catalogue(named.model_copy(update={"images": images})).frame
    assert frame["file"].tolist() == expected
    assert frame["concept"].tolist() == ["aardvark", "coat rack", "coat rack", "hot air balloon"]


def test_tests_may_lie_elsewhere_than_the_rest(named, tmp_path):
    images = tmp_path / "other"
    expected = [FILES[0], *(PICTURES[code][1] for code in (3, 4, 5))]
    touch(images, *expected)
    assert read_catalogue(named.model_copy(update={"images": images})).frame["file"].tolist() == expected


def test_a_missing_picture_is_named_where_the_others_lie(named):
    (named.images / FILES[0]).unlink()
    with pytest.raises(InputError, match=r"1 of 4 image files are missing: aardvark/aardvark_01b\.jpg"):
        read_catalogue(named)


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("images_meg/aardvark/aardvark_01b.jpg", "aardvark"),
        ("images_test_meg/coat_rack_13s.jpg", "coat_rack"),
        ("hot-air_balloon_01b.jpg", "hot-air_balloon"),
        ("camera1_09n.jpg", "camera1"),
        ("images_catch_meg/catch047.jpg", ""),
        ("", ""),
    ],
)
def test_the_folder_is_the_file_name_without_its_number(path, folder):
    assert concept_folder(path) == folder


# Contradictions. Rows of sub-BIGMEG1: run 1 has 3, 1, catch, 5; run 2 catch, 4, 1; session 2 has 1, 5

PLACE = r"sample_attributes_P1\.csv, row {}: {}"
CASES = {
    "a row is missing": (
        lambda t: t.drop(index=3),
        r"P1\.csv: session 1, run 1 has 3 rows, but .*sub-BIGMEG1_ses-01_task-main_run-01_events\.tsv has 4 trials; ",
    ),
    "a row is there twice": (lambda t: t.loc[[0, 0, *range(1, 9)]], r"run 1 has 5 rows, but .* has 4 trials"),
    "a run is missing": (
        lambda t: t[t["run_nr"] != 2],
        r"session 1, run 2 has no rows, but .*run-02_.* has 3",
    ),
    "another trial type": (
        lambda t: swapped(t, 2, 3),
        PLACE.format(3, r"trial_type is 'exp', but trial 3 of .*_run-01_events\.tsv has 'catch'; "),
    ),
    "an unknown trial type": (
        lambda t: changed(t, 1, trial_type="targ"),
        "row 2: trial_type is 'targ', but trial 2",
    ),
    "pictures in another order": (
        lambda t: swapped(t, 0, 3),
        PLACE.format(1, r"things_image_nr is 5, but trial 1 of .*run-01_events\.tsv has 3; "),
    ),
    "categories in another order": (
        lambda t: swapped(without(t, "things_image_nr"), 0, 3),
        PLACE.format(1, r"things_category_nr is 3, but trial 1 of .*run-01_events\.tsv has 2; "),
    ),
    "runs exchanged": (lambda t: changed(t, slice(4, 6), session_nr=2, run_nr=1), "run 2 has no rows"),
    "no number to compare": (
        lambda t: changed(t, 5, things_image_nr="", things_category_nr="nan"),
        r"row 6: nothing proves that it is trial 2 of .*run-02_events\.tsv, for none of these is a number in both: "
        "things_image_nr, things_category_nr; ",
    ),
    "a picture of two event codes": (
        lambda t: changed(t, 5, image_path=PICTURES[3][1]),
        r"row 6 \(sub-BIGMEG1_ses-01_task-main_run-02\): image_path images_meg/coat_rack/coat_rack_01b\.jpg is event "
        r"code 4, but 3 in .*P1\.csv, row 1 \(sub-BIGMEG1_ses-01_task-main_run-01\); ",
    ),
    "an event code of two pictures": (
        lambda t: changed(t, 6, image_path="images_test_meg/aardvark_13s.jpg"),
        r"row 7 .*: event code 1 is image_path images_test_meg/aardvark_13s\.jpg, but images_test_meg/.*_01b\.jpg in",
    ),
    "an unknown form of name": (
        lambda t: changed(t, 3, image_path="images_meg/odd.jpg"),
        r"row 4: image_path is 'images_meg/odd\.jpg', allowed: a picture of THINGS, named by concept and number",
    ),
    "no name": (lambda t: changed(t, 3, image_path=""), r"row 4: image_path is '', allowed: a picture of THINGS"),
    "no session": (lambda t: changed(t, 2, session_nr="N/A"), r"session_nr of row 3 is 'N/A', allowed: a whole number"),
    "no run": (lambda t: changed(t, 2, run_nr=1.5), r"P1\.csv: run_nr of row 3 is '1\.5', allowed: a whole number"),
    "missing columns": (
        lambda t: without(t, "run_nr", "image_path"),
        r"P1\.csv: columns are missing: image_path, run_nr; it has: trial_type, category_nr, .*session_nr, RT",
    ),
    "no numbers": (
        lambda t: without(t, "category_nr", "things_category_nr", "things_image_nr"),
        r"columns are missing: things_image_nr or things_category_nr or category_nr; it has: trial_type, image_path, ",
    ),
}
PROOFS = [name for name in CASES if name not in ("no session", "no run", "missing columns")]


@pytest.mark.parametrize("case", CASES)
def test_what_contradicts_is_named(named, case):
    change, message = CASES[case]
    write_trials(named, 1, change(trials_of("sub-BIGMEG1")))
    with pytest.raises(InputError, match=message) as caught:
        read_catalogue(named)
    assert "\n" not in str(caught.value)
    if case in PROOFS:
        assert str(caught.value).endswith("put a csv with Event_ID, Category_Prefix and Image there instead")


def test_participants_must_agree(named):
    write_trials(named, 2, changed(trials_of("sub-BIGMEG2"), 0, image_path="images_meg/coat_rack/coat_rack_09s.jpg"))
    with pytest.raises(
        InputError, match=r"P2\.csv, row 1 .*: event code 4 is .*_09s\.jpg, but .*_02s\.jpg in .*P1\.csv, row"
    ):
        read_catalogue(named)


def test_tables_of_exchanged_participants_are_refused(study):
    write_trials(study, 1, trials_of("sub-BIGMEG2"))
    write_trials(study, 2, trials_of("sub-BIGMEG1"))
    with pytest.raises(InputError, match="has 3 rows, but"):
        read_catalogue(study)


def test_two_tables_of_a_participant_are_one_too_many(named):
    (named.root / "sample_attributes_P1.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"is of the same participant; keep one"):
        read_catalogue(named)


@pytest.mark.parametrize("content", ["../.git/annex/objects/x/y.csv", None])
def test_a_stub_of_a_table_is_called_so(named, content):
    file = write_trials(named, 1)
    file.unlink()
    if content:
        file.write_text(content)
    else:
        file.symlink_to("nowhere")
    with pytest.raises(InputError, match=r"P1\.csv: a stub, no table; get its content first"):
        read_catalogue(named)


def test_apple_double_files_are_no_tables(named):
    (named.root / "sourcedata" / "._sample_attributes_P1.csv").write_bytes(b"\x00\x05\x16\x07")
    assert list(attribute_files([named.root / "sourcedata"])) == [1, 2]


@settings(max_examples=60, deadline=None)
@given(
    content=st.binary(max_size=200) | st.text(alphabet='",\n\r 1aé', max_size=60).map(str.encode), keep=st.booleans()
)
def test_whatever_a_table_holds_there_is_no_traceback(tmp_path_factory, content, keep):
    root = tmp_path_factory.mktemp("fuzz")
    write_run(root, "sub-BIGMEG1", 1, 1, [3, 1])
    file = root / "sample_attributes_P1.csv"
    header = b"image_path,trial_type,session_nr,run_nr,things_image_nr\n"
    file.write_bytes((header if keep else b"") + content)
    events = [(run, read_events(run)) for run in runs_of_study(root)]
    with pytest.raises(InputError):
        picture_paths({1: file}, events)


# The real events


@pytest.fixture
def real(real_data, tmp_path, monkeypatch):
    """The real sessions; the pictures themselves are not there."""
    root = tmp_path / "ds004212"
    (root / "sourcedata").mkdir(parents=True)
    (root / "sub-BIGMEG1").symlink_to(real_data / "things-meg-bids" / "sub-BIGMEG1")
    monkeypatch.setattr("pipeline_lib.stimuli.meg_images.check_files", lambda *_: None)
    monkeypatch.setattr("pipeline_lib.stimuli.meg_images._first_that_exists", lambda candidates, _: candidates[1])
    return study_params(layout="things-meg-bids", root=root, images=tmp_path / "images", stimuli=root)


@pytest.fixture
def real_names(real_data):
    return real_data / "things-metadata" / "meg_value_to_image.csv"


@pytest.fixture
def real_trials(real, real_names):
    """A table of trials made of the real events, read plainly, and of the real names."""
    names = pd.read_csv(real_names, index_col="Event_ID")["Image"]
    tables = []
    for file in sorted((real.root / "sub-BIGMEG1").glob("ses-*/meg/sub-*_events.tsv")):
        events = pd.read_csv(file, sep="\t")
        number = partial(_number_after, file.name)
        shown = events["trial_type"].map({"exp": "images_meg/{0}/{1}", "test": "images_test_meg/{1}"})
        image = events["value"].map(names)
        folder = image.str.rsplit("_", n=1).str[0]
        paths = [
            "images_catch_meg/catch001.jpg" if pd.isna(name) else form.format(where, name)
            for form, where, name in zip(shown, folder, image, strict=True)
        ]
        things = {"things_image_nr": events["value"], "things_category_nr": events["things_category_nr"]}
        order = {"session_nr": number("ses-"), "run_nr": number("run-")}
        tables.append(pd.DataFrame({"trial_type": events["trial_type"], **things, "image_path": paths, **order}))
    return pd.concat(tables, ignore_index=True)


def _number_after(name, key):
    return int(name.split(key)[1][:2])


def test_real_events_give_the_table_that_names_by_event_code_give(real, real_names, real_trials):
    write_trials(real, 1, real_trials)
    by_trials = read_catalogue(real).frame
    (real.root / "sourcedata" / "names.csv").symlink_to(real_names)
    pd.testing.assert_frame_equal(by_trials, read_catalogue(real).frame)
    assert by_trials["event_code"].nunique() == 200 + 3708


def test_real_rows_in_any_other_order_are_refused(real, real_trials):
    """By category alone, which says least: whichever two pictures of a run change places."""
    table = without(real_trials, "things_image_nr")
    runs = table.reset_index().groupby(["session_nr", "run_nr"])["index"]
    rng = np.random.default_rng(0)
    events = [(run, read_events(run)) for run in runs_of_study(real.root, ["main"])]
    for _, rows in list(runs)[:5]:
        pair = rng.choice(rows, 2, replace=False)
        while table["things_category_nr"][pair].nunique(dropna=False) == 1:
            pair = rng.choice(rows, 2, replace=False)
        file = write_trials(real, 1, swapped(table, *pair))
        with pytest.raises(InputError, match=r"row \d+: (trial_type|things_category_nr) is .*, but trial \d+ of"):
            picture_paths({1: file}, events)
