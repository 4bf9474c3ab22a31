"""Each study arrives in its layout; what is there is not fetched again, and what broke is continued."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from dataclasses import replace

import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.fetching.downloads import part_file
from pipeline_lib.fetching.plan import make_plan
from pipeline_lib.fetching.run import run_plan
from pipeline_lib.fetching.studies import STUDIES, choose_parts, find_study
from tests.fetching.studies_online import EPOCHS, RAW, archive, put_online, raw

LARGE = os.urandom(3_000_000)


@pytest.fixture
def out(tmp_path):
    """Where the study goes."""
    return tmp_path / "things"


@pytest.fixture
def plan_of(host, web, sources, out):
    """Plan to fetch a study of the tiny ones."""
    put_online(host)

    def plan(study, subjects="", parts=""):
        found = find_study(study)
        return make_plan(found, choose_parts(found, parts), subjects, out, web, sources)

    return plan


@pytest.fixture
def fetch(plan_of, web, out):
    """Fetch a study; gives what lies in its folder afterwards."""

    def fetched(study, subjects="", parts=""):
        run_plan(plan_of(study, subjects, parts), web)
        return contents(out)

    return fetched


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: path.read_bytes() for name, path in sorted(named.items()) if not name.startswith(".fetch")}


def recordings(*subjects):
    return {f"sub-{subject:02d}/{name}": content for subject in subjects for name, content in raw(subject).items()}


def test_raw_recordings(fetch, out):
    assert fetch("things-eeg2") == recordings(1, 2, 10) | {"image_set/image_metadata.npy": b"list"}
    assert sorted(path.name for path in (out / ".fetch").iterdir()) == ["ledger.jsonl", "lock"]


def test_one_subject_of_them(fetch, host):
    assert fetch("things-eeg2", "sub-02", "recordings") == recordings(2)
    assert [path.split("/")[-1] for path in host.paths()] == ["sub-02.zip"]


def test_images_come_when_they_are_asked_for(fetch):
    assert fetch("things-eeg2", parts="images") == {
        "image_set/LICENSE.txt": b"terms",
        "image_set/training_images/00001_aardvark/aardvark_01b.jpg": b"jpg",
        "image_set/test_images/00001_aircraft_carrier/aircraft_carrier_06s.jpg": b"jpg",
    }


def test_preprocessed_epochs_of_both_kinds(fetch):
    assert fetch("things-eeg2-preprocessed", "sub-01", "recordings, 63-channels") == {
        **{f"sub-01/{name}": content for name, content in EPOCHS.items()},
        **{f"63-channels/sub-01/{name}": b"63" for name in EPOCHS},
    }


def test_eeg_as_bids(fetch):
    assert set(fetch("things-eeg2-bids", "sub-01")) == {
        "README.md",
        "participants.tsv",
        "sub-01/ses-01/a_scans.tsv",
        "sub-01/ses-01/eeg/a_eeg.bdf",
        "sub-01/ses-01/eeg/a_events.tsv",
        "stimuli/image_metadata.npy",
        "stimuli/stimuli.tsv",
    }


def test_meg_as_bids(fetch):
    assert set(fetch("things-meg-bids", "sub-BIGMEG1")) == {
        "README",
        "CHANGES",
        "sourcedata/sample_attributes_P1.csv",
        "sourcedata/sample_attributes_P2.csv",
        "sub-BIGMEG1/ses-01/meg/a_meg.ds/a.meg4",
        "sub-BIGMEG1/ses-01/meg/a_events.tsv",
    }


def test_meg_epochs_get_a_folder_per_subject(fetch):
    assert fetch("things-meg-epochs", parts="recordings") == {
        "P1/preprocessed_P1-epo.fif": b"P1",
        "P1/preprocessed_P1-epo-1.fif": b"P1 more",
        "P2/preprocessed_P2-epo.fif": b"P2",
    }


def test_meg_epochs_come_with_what_names_their_images(fetch, plan_of):
    assert set(fetch("things-meg-epochs", parts="image-list, events")) == {
        "sourcedata/sample_attributes_P1.csv",
        "sourcedata/sample_attributes_P2.csv",
        "sourcedata/sub-BIGMEG1/ses-01/meg/a_events.tsv",
        "sourcedata/sub-BIGMEG2/ses-01/meg/a_events.tsv",
    }
    assert plan_of("things-meg-epochs").study.stimuli == "sourcedata"


@pytest.mark.parametrize("study", STUDIES)
def test_the_second_time_nothing_is_downloaded(fetch, plan_of, host, study):
    first = fetch(study)
    asked = host.paths()
    assert len(asked) == len(set(asked)) == len([one for one in plan_of(study).wanted if one.remote.size])
    assert plan_of(study).is_done
    assert fetch(study) == first
    assert host.paths() == asked


def test_what_is_damaged_or_lost_is_fetched_again(fetch, plan_of, host, out):
    first = fetch("things-eeg2")
    (out / "sub-02/ses-01/raw_eeg_test.npy").write_bytes(b"cut")
    (out / "image_set/image_metadata.npy").unlink()
    host.asked.clear()
    told = "\n".join(plan_of("things-eeg2").told())
    assert "to download: 2 files" in told
    assert f"replaced, since the host's differ: {out / 'sub-02'}" in told
    assert fetch("things-eeg2") == first
    assert sorted(path.split("/")[-1] for path in host.paths()) == ["image_metadata.npy", "sub-02.zip"]


def test_a_file_of_the_same_size_is_checked_before_it_is_taken(fetch, plan_of, host, out):
    place = out / "image_set/image_metadata.npy"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"list")
    assert not plan_of("things-eeg2", parts="image-list").is_done
    fetch("things-eeg2", parts="image-list")
    assert host.paths() == []
    assert plan_of("things-eeg2", parts="image-list").is_done
    place.write_bytes(b"LIST")
    assert fetch("things-eeg2", parts="image-list") == {"image_set/image_metadata.npy": b"list"}


def test_a_new_version_on_the_host_is_fetched(fetch, host):
    fetch("things-eeg2", "sub-01", "recordings")
    newer = {"ses-01/raw_eeg_training.npy": b"newer"}
    host.serve_osf("crxs4", {"googledrive": RAW | {"sub-01.zip": archive(newer, "sub-01/")}})
    assert fetch("things-eeg2", "sub-01", "recordings") == {"sub-01/ses-01/raw_eeg_training.npy": b"newer"}


def test_folders_of_the_user_are_not_replaced(fetch, out):
    mine = out / "sub-01" / "ses-01" / "raw_eeg_test.npy"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(InputError, match=r"things/sub-01: exists, and not from 'trialign fetch'.*--subjects"):
        fetch("things-eeg2")
    assert contents(out) == {"sub-01/ses-01/raw_eeg_test.npy": b"mine"}
    assert fetch("things-eeg2", "sub-02", "recordings").keys() > recordings(2).keys()


@pytest.mark.parametrize(
    ("subjects", "words"),
    [("sub-03", "subjects: sub-01, sub-02, sub-10"), ("sub-1", "did you mean 'sub-10'"), ("sub-01,x", "no 'x'")],
)
def test_unknown_subjects_are_named_with_those_there_are(plan_of, subjects, words):
    with pytest.raises(InputError, match=f"--subjects {subjects}: things-eeg2 has .*{words}"):
        plan_of("things-eeg2", subjects)


def test_unknown_studies_and_parts():
    with pytest.raises(InputError, match=r"STUDY is 'things-eeg', allowed: things-eeg2, .*did you mean 'things-eeg2"):
        find_study("things-eeg")
    with pytest.raises(InputError, match=r"--parts images: things-meg-bids has no part 'images', only recordings, im"):
        choose_parts(find_study("things-meg-bids"), "images")


def test_a_part_that_moved_away_names_the_page(plan_of, host):
    host.serve_osf("crxs4", {"osfstorage": {"moved.txt": b"to elsewhere"}})
    with pytest.raises(InputError, match=r"https://osf\.io/crxs4/: the host lists no files of part 'recordings'"):
        plan_of("things-eeg2")


def test_paths_in_listings_may_not_lead_outside(plan_of, host, out):
    host.serve_s3({"ds004212/sub-1/meg/../../../evil": b"x"})
    with pytest.raises(InputError, match="leads outside"):
        plan_of("things-meg-bids", parts="recordings")
    assert not out.parent.joinpath("evil").exists()


def test_the_first_of_two_storages_counts(fetch, host):
    host.serve_osf("crxs4", {"osfstorage": {"sub-01.zip": RAW["sub-01.zip"]}, "googledrive": {"sub-01.zip": b"other"}})
    assert fetch("things-eeg2", "", "recordings") == recordings(1)


def test_size_licence_and_origin_are_told(plan_of, out):
    told = list(plan_of("things-eeg2", "sub-01,sub-02").told())
    size = sum(len(RAW[name]) for name in ("sub-01.zip", "sub-02.zip"))
    assert told[1] == f"  recordings: 2 files, {size / 1000:.1f} kB of sub-01, sub-02"
    assert told[2] == "    from https://osf.io/crxs4/, licence: CC BY 4.0"
    assert f"  into {out}" in told
    assert f"  to download: 3 files, {size / 1000:.1f} kB" in told
    assert any("--parts images" in line and "research only" in line for line in told)
    assert any("figshare" in line for line in told)


def test_what_has_no_checksum_is_told(plan_of):
    told = "\n".join(plan_of("things-meg-bids").told())
    assert "checked by size alone, since the host gives no checksum: README\n" in told
    assert "https://osf.io/jum2f/" in told


def test_too_little_space_is_seen_before_anything_is_asked_for(plan_of, web, host, out, monkeypatch):
    plan = plan_of("things-eeg2")
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(plan.bytes_needed - 1))
    assert plan.bytes_needed == sum(map(len, RAW.values())) + 4 + max(map(len, RAW.values()))
    with pytest.raises(InputError, match=r"fetching things-eeg2 needs .* are free there"):
        run_plan(plan, web)
    assert host.paths() == []


def test_an_evil_archive_leaves_nothing_and_is_not_downloaded_twice(fetch, host, out):
    host.serve_osf("crxs4", {"googledrive": {"sub-01.zip": archive(raw(1) | {"../../evil": b"x"})}})
    for _ in range(2):
        with pytest.raises(InputError, match=r"sub-01\.zip: '\.\./\.\./evil' leads outside"):
            fetch("things-eeg2", parts="recordings")
    assert contents(out) == {}
    assert not (out.parent / "evil").exists()
    assert len(host.paths()) == 1


def test_what_was_fetched_before_an_error_stays(fetch, host, out):
    bad = "/bytes/nodes/crxs4/files/googledrive/sub-02.zip"
    host.faults[bad] = ["*404"]
    with pytest.raises(InputError, match=r"sub-02\.zip: the server answers 404"):
        fetch("things-eeg2", parts="recordings")
    assert contents(out) == recordings(1)
    host.faults.clear()
    assert fetch("things-eeg2", parts="recordings") == recordings(1, 2, 10)
    assert host.paths().count("/bytes/nodes/crxs4/files/googledrive/sub-01.zip") == 1


def test_a_ledger_that_was_cut_short_is_no_trouble(fetch, host, out):
    first = fetch("things-meg-epochs")
    ledger = out / ".fetch" / "ledger.jsonl"
    text = ledger.read_text()
    for junk in (text[:-10], text + '\n{"place": 3', text + "\n[]\nnull\n", ""):
        ledger.write_text(junk)
        assert fetch("things-meg-epochs") == first
    assert len(host.paths()) == 7


def test_a_folder_that_was_put_in_place_but_not_recorded_is_unpacked_again(plan_of, fetch, host, out):
    first = fetch("things-eeg2", "sub-01", "recordings")
    ledger = out / ".fetch" / "ledger.jsonl"
    announced, recorded = ledger.read_text().strip().split("\n")
    assert "members" in recorded
    assert "members" not in announced
    ledger.write_text(announced)
    assert [one.state for one in plan_of("things-eeg2", "sub-01", "recordings").wanted] == ["other"]
    assert fetch("things-eeg2", "sub-01", "recordings") == first


def test_two_fetches_into_one_folder_are_refused(plan_of, web, out):
    import fcntl

    plan = plan_of("things-meg-epochs")
    plan.scratch.mkdir(parents=True)
    with open(plan.scratch / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another 'trialign fetch' is at work there"):
            run_plan(plan, web)


def test_a_place_that_cannot_be_written_to(plan_of, web, out):
    plan = plan_of("things-meg-epochs")
    out.write_text("a file")
    with pytest.raises(InputError, match=r"things: cannot be written to: .*--out"):
        run_plan(plan, web)


def test_what_is_left_of_older_versions_and_killed_processes_is_swept_up(plan_of, fetch, out):
    one = plan_of("things-meg-epochs").wanted[0]
    old, killed = (part_file(replace(one.remote, checksum="md5:0"), out / ".fetch"), out / ".fetch" / "tmp123")
    old.parent.mkdir(parents=True)
    for file in (old, killed):
        file.write_bytes(b"old")
    fetch("things-meg-epochs")
    assert not old.exists()
    assert not killed.exists()


def test_an_interrupted_download_survives_the_fetch_of_another_subject(fetch, host):
    large = archive({"ses-01/raw_eeg_training.npy": LARGE}, "sub-02/")
    host.serve_osf("crxs4", {"googledrive": RAW | {"sub-02.zip": large}})
    path = "/bytes/nodes/crxs4/files/googledrive/sub-02.zip"
    host.faults[path] = ["drop:1000000", "*404"]
    with pytest.raises(InputError, match="404"):
        fetch("things-eeg2", "sub-02", "recordings")
    fetch("things-eeg2", "sub-01", "recordings")
    host.faults.clear()
    host.asked.clear()
    assert fetch("things-eeg2", "sub-02", "recordings")["sub-02/ses-01/raw_eeg_training.npy"] == LARGE
    (asked,) = [asked for name, asked in host.asked if name == path]
    assert int(asked.removeprefix("bytes=").removesuffix("-")) > 900_000


PROGRAM = """
import sys
from pathlib import Path
from pipeline_lib.fetching import plan, run, sources, studies, web
base, out = sys.argv[1:]
hosts = sources.Sources(osf=f"{base}/osf", openneuro=f"{base}/s3", nemar=f"{base}/nemar")
asks, study = web.Web(sources.Patience()), studies.find_study("things-eeg2")
parts = studies.choose_parts(study, "recordings")
run.run_plan(plan.make_plan(study, parts, "", Path(out), asks, hosts), asks)
"""


def test_a_killed_fetch_is_continued_and_ends_with_the_same_bytes(host, out, project_root):
    members = {"ses-01/raw_eeg_training.npy": LARGE, "ses-01/raw_eeg_test.npy": LARGE[::-1]}
    files = {f"sub-0{number}.zip": archive(members, f"sub-0{number}/") for number in (1, 2)}
    host.serve_osf("crxs4", {"googledrive": files}, hashes=("md5",))
    host.pause = 0.001
    command = [sys.executable, "-c", PROGRAM, host.url, str(out)]
    for goal in (0.2e6, 3e6, 5.5e6, 6.5e6, 9e6):
        process = subprocess.Popen(command, cwd=project_root)
        while process.poll() is None and size_of(out) < goal:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for name, content in contents(out).items():
            assert ".unfinished." in name or content == members[name.partition("/")[2]]
    subprocess.run(command, cwd=project_root, check=True, timeout=60)
    assert contents(out) == {f"sub-0{number}/{name}": members[name] for number in (1, 2) for name in members}
    sent = [asked for path, asked in host.asked if path in host.contents]
    assert len([asked for asked in sent if asked]) >= 3  # continued, not begun anew


def size_of(folder):
    """Bytes below a folder that another process is writing to."""
    sizes = []
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                sizes.append(os.stat(os.path.join(parent, name)).st_size)
    return sum(sizes)
