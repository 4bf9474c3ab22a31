"""Archives are unpacked whole or not at all, and never outside their folder."""

import io
import random
import shutil
import stat
import struct
import tarfile
import zipfile
from collections import namedtuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.common.errors import InputError
from pipeline_lib.fetching.archives import unpack
from pipeline_lib.fetching.remote import safe_path

SESSIONS = {f"ses-0{number}/raw_eeg_{kind}.npy": f"{number} {kind}".encode() for number in (1, 2) for kind in "ab"}
EVIL_NAMES = [
    "../evil",
    "ses-01/../../evil",
    "/evil",
    "C:/evil",
    "c:evil",
    "..\\evil",
    "\\evil",
    "a\0b",
    "x/\n/y",
    "",
    "\ud800",
]


@pytest.fixture
def place(tmp_path):
    """A folder whose surroundings must not change."""
    (tmp_path / "study").mkdir()
    return tmp_path / "study"


def write_zip(file, members, **more):
    with zipfile.ZipFile(file, "w", **more) as archive:
        for name, content in members.items():
            archive.writestr(name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name), content)
    return file


def write_tar(file, members, mode="w"):
    with tarfile.open(file, mode) as archive:
        for name, content in members.items():
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = info.size if content is None else len(content)
            archive.addfile(info, None if content is None else io.BytesIO(content))
    return file


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def unpacked(archive, place, holds=("ses-*",)):
    sizes = unpack(archive, place / "sub-01", holds, before=lambda: None)
    assert sizes == {name: len(content) for name, content in contents(place / "sub-01").items()}
    return contents(place / "sub-01")


@pytest.mark.parametrize("top", ["", "sub-01/", "a/b c/sub-01/"])
@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_the_folder_that_is_meant_becomes_the_target(tmp_path, place, write, top):
    members = {f"{top}{name}": content for name, content in SESSIONS.items()}
    if top:
        members |= {"README.txt": b"about"}
    assert unpacked(write(tmp_path / "archive", members), place) == SESSIONS
    assert [path.name for path in place.iterdir()] == ["sub-01"]


def test_compressed_tar_with_folders_of_their_own(tmp_path, place):
    def folder(name):
        info = tarfile.TarInfo(name)
        info.type = tarfile.DIRTYPE
        return info

    members = {folder("./"): b"", folder("./sub-01"): b""} | {f"./sub-01/{name}": SESSIONS[name] for name in SESSIONS}
    assert unpacked(write_tar(tmp_path / "a.tar.gz", members, "w:gz"), place) == SESSIONS


def test_what_macos_adds_is_left_out(tmp_path, place):
    clutter = {"__MACOSX/sub-01/ses-01/._a.npy": b"x", "sub-01/ses-01/._a.npy": b"x", "sub-01/.DS_Store": b"x"}
    members = clutter | {f"sub-01/{name}": content for name, content in SESSIONS.items()}
    assert unpacked(write_zip(tmp_path / "a.zip", members), place) == SESSIONS


def test_what_stands_there_is_replaced(tmp_path, place):
    (place / "sub-01" / "ses-09").mkdir(parents=True)
    assert unpacked(write_zip(tmp_path / "a.zip", SESSIONS), place) == SESSIONS
    assert not (place / "sub-01" / "ses-09").exists()


def refuse(archive, place, match):
    """`archive` is refused, and nothing but it is on the disk."""
    before = sorted(place.parent.rglob("*"))
    with pytest.raises(InputError, match=match) as caught:
        unpack(archive, place / "sub-01", ("ses-*",), before=lambda: None)
    assert "\n" not in str(caught.value)
    assert str(archive) in str(caught.value)
    assert sorted(place.parent.rglob("*")) == before


@pytest.mark.parametrize("name", [name for name in EVIL_NAMES if name and "\0" not in name and name.isascii()])
@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_members_that_lead_outside_are_refused_by_name(tmp_path, place, write, name):
    refuse(write(tmp_path / "archive", SESSIONS | {name: b"evil"}), place, "leads outside the folder")


def test_a_name_that_readers_cut_is_refused(tmp_path, place):
    archive = write_zip(tmp_path / "a.zip", SESSIONS | {"ses-01/xxxx": b"evil"})
    archive.write_bytes(archive.read_bytes().replace(b"ses-01/xxxx", b"ses-01/x\0xx"))
    refuse(archive, place, "leads outside")


@pytest.mark.parametrize("goal", ["../../outside", "/etc/passwd", "ses-01/raw_eeg_a.npy"])
def test_symlinks_in_a_zip_are_refused(tmp_path, place, goal):
    link = zipfile.ZipInfo("ses-01/link")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    refuse(
        write_zip(tmp_path / "a.zip", SESSIONS | {link: goal.encode()}), place, "'ses-01/link' is a link or a device"
    )


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
@pytest.mark.parametrize("goal", ["../../outside", "/etc/passwd", "ses-01/raw_eeg_a.npy"])
def test_links_and_devices_in_a_tar_are_refused(tmp_path, place, kind, goal):
    link = tarfile.TarInfo("ses-01/link")
    link.type, link.linkname = kind, goal
    refuse(write_tar(tmp_path / "a.tar", SESSIONS | {link: None}), place, "'ses-01/link' is a link or a device")


def test_a_file_behind_a_link_is_refused(tmp_path, place):
    link = tarfile.TarInfo("ses-01/out")
    link.type, link.linkname = tarfile.SYMTYPE, ".."
    refuse(write_tar(tmp_path / "a.tar", {link: None, "ses-01/out/evil": b"x"} | SESSIONS), place, "is a link")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_collide_are_refused(tmp_path, place):
    doubled = {zipfile.ZipInfo("ses-01/a"): b"1", zipfile.ZipInfo("ses-01/a/"[:-1]): b"2"}
    refuse(write_zip(tmp_path / "a.zip", doubled), place, "'ses-01/a' is there twice")
    refuse(write_zip(tmp_path / "b.zip", {"ses-01/a": b"1", "ses-01/a/b": b"2"}), place, "both a file and a folder")


def test_a_password_is_named(tmp_path, place):
    archive = write_zip(tmp_path / "a.zip", SESSIONS)
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    archive.write_bytes(data)
    refuse(archive, place, "behind a password")


def test_the_folder_must_be_there_once(tmp_path, place):
    refuse(write_zip(tmp_path / "a.zip", {"other/a": b"x"}), place, r"no folder with ses-\*; expected one")
    two = {"sub-01/ses-01/a": b"x", "sub-02/ses-01/a": b"x"}
    refuse(write_zip(tmp_path / "b.zip", two), place, r"several folders \(sub-01, sub-02\) with ses-\*")


def test_declared_sizes_must_fit_on_the_disk(tmp_path, place, monkeypatch):
    archive = write_zip(tmp_path / "a.zip", {"ses-01/zeros": bytes(5_000_000)}, compression=zipfile.ZIP_DEFLATED)
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(4_900_000))
    with pytest.raises(InputError, match=r"unpacking a\.zip needs 5\.0 MB, and 4\.9 MB are free"):
        unpack(archive, place / "sub-01", ("ses-*",), before=lambda: None)
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("declared", [10, 2_000_000])
def test_a_zip_that_holds_other_sizes_than_it_declares_is_refused(tmp_path, place, declared):
    archive = write_zip(tmp_path / "a.zip", {"ses-01/bomb": bytes(1_000_000)})
    data = archive.read_bytes()
    central = data.index(b"PK\1\2")
    data = data[: central + 24] + struct.pack("<I", declared) + data[central + 28 :]
    archive.write_bytes(data)
    refuse(archive, place, "damaged|less than the 2000000 bytes")


@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_damage_is_one_line(tmp_path, place, write):
    archive = write(tmp_path / "archive", {"ses-01/a.npy": random.Random(0).randbytes(50_000)})
    data = archive.read_bytes()
    for damaged in (b"", b"no archive at all" * 100, data[:10_000]):
        archive.write_bytes(damaged)
        refuse(archive, place, "damaged|less than")
    if write is write_zip:
        archive.write_bytes(data[:5000] + b"x" + data[5001:])
        refuse(archive, place, "CRC")


@pytest.mark.parametrize("end", [b"", b"junk" * 128])
def test_a_tar_that_was_cut_off_between_two_members_is_not_taken_for_whole(tmp_path, place, end):
    archive = write_tar(tmp_path / "a.tar", SESSIONS)
    archive.write_bytes(archive.read_bytes()[: 2 * 1024] + end)
    refuse(archive, place, "damaged.*cut off after a member")


def test_a_failure_in_the_middle_leaves_nothing(tmp_path, place):
    archive = write_zip(tmp_path / "a.zip", {"ses-01/a": b"fine", "ses-01/b": b"unique bytes"})
    archive.write_bytes(archive.read_bytes().replace(b"unique bytes", b"wicked bytes"))
    refuse(archive, place, "CRC")


@given(st.binary(max_size=60), st.integers(0, 600), st.booleans())
@settings(max_examples=150, deadline=None)
def test_no_bytes_make_a_traceback(tmp_path_factory, noise, start, is_zip):
    folder = tmp_path_factory.mktemp("fuzz")
    archive = (write_zip if is_zip else write_tar)(folder / "archive", SESSIONS)
    data = archive.read_bytes()
    archive.write_bytes(data[:start] + noise + data[start + len(noise) :])
    (folder / "out").mkdir()
    try:
        unpack(archive, folder / "out" / "sub-01", ("ses-*",), before=lambda: None)
    except InputError:
        assert list((folder / "out").iterdir()) == []
    assert sorted(path.name for path in folder.iterdir()) == ["archive", "out"]


@pytest.mark.parametrize("name", EVIL_NAMES)
def test_paths_that_lead_outside(name):
    with pytest.raises(InputError, match=r"somewhere: .* leads outside"):
        safe_path(name, "somewhere")


def test_paths_that_stay_inside():
    for name, path in {"a/b": "a/b", "./a": "a", "a\\b": "a/b", "..a": "..a", "a..b/c": "a..b/c"}.items():
        assert str(safe_path(name, "somewhere")) == path
