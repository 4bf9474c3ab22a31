"""What hosts say they have becomes paths, sizes, checksums and addresses."""

import json
from hashlib import sha256

import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.fetching.listings import list_files


def by_path(files):
    assert len({file.path for file in files}) == len(files)
    return {file.path: file for file in files}


def test_osf_lists_all_storages_folders_and_pages(host, web, sources):
    storage = {f"{folder}{number}.txt": b"x" * number for folder in ("", "a/", "a/b/") for number in range(5)}
    host.serve_osf("abcde", {"osfstorage": storage, "googledrive": {"sub-01.zip": b"zip"}})
    files = by_path(list_files("osf", "abcde", web, sources))
    assert {path: file.size for path, file in files.items()} == {
        "sub-01.zip": 3,
        **{path: len(content) for path, content in storage.items()},
    }
    assert files["sub-01.zip"].checksum == f"sha256:{sha256(b'zip').hexdigest()}"
    assert web.text(files["a/b/4.txt"].url) == "xxxx"


@pytest.mark.parametrize(("hashes", "start"), [(("md5",), "md5:"), ((), "")])
def test_osf_may_give_fewer_checksums_and_no_size(host, web, sources, hashes, start):
    host.serve_osf("abcde", {"googledrive": {"a": b"a"}}, hashes=hashes, sizes=False)
    (file,) = list_files("osf", "abcde", web, sources)
    assert file.size is None
    assert file.checksum.partition(":")[0] == start.rstrip(":")


def test_s3_lists_all_pages_of_one_dataset(host, web, sources):
    keys = {f"ds1/sub-{number}/a b & ü.fif": bytes(number) for number in range(8)}
    host.serve_s3(keys | {"ds1/folder/": b"", "ds12/other": b"x", "other": b"x"}, pieces={"ds1/sub-7/a b & ü.fif"})
    files = by_path(list_files("openneuro", "ds1", web, sources))
    assert {f"ds1/{path}": file.size for path, file in files.items()} == {key: len(keys[key]) for key in keys}
    assert files["sub-3/a b & ü.fif"].checksum == "md5:" + "693e9af84d3dfcc71e640e005bdc5e2e"  # of three zero bytes
    assert web.text(files["sub-3/a b & ü.fif"].url) == "\0\0\0"


def test_the_etag_of_an_object_uploaded_in_pieces_is_no_checksum(host, web, sources):
    host.serve_s3({"ds1/a": b"x", "ds1/b": b"x"}, pieces={"ds1/b"})
    a, b = list_files("openneuro", "ds1", web, sources)
    assert (a.checksum[:4], b.checksum) == ("md5:", "")
    assert b.etag == '"9dd4e461268c8034f5c8564e155c67a6-2"'
    assert b.version == b.etag


def test_nemar_gives_addresses_that_do_not_expire(host, web, sources):
    host.serve_nemar("nm1/v1", {"README.md": b"text", "sub-01/eeg/a.bdf": b"signal"}, in_git={"README.md"})
    files = by_path(list_files("nemar", "nm1/v1", web, sources))
    assert files["README.md"].checksum == "git:f3a34851d44d6b97c90fbb99dd3d18c261b9a237"  # git hash-object
    assert files["sub-01/eeg/a.bdf"].checksum.startswith("sha256:")
    assert files["sub-01/eeg/a.bdf"].url == f"{host.url}/nemar/nm1/v1/sub-01/eeg/a.bdf"


def test_a_busy_host_is_asked_again(host, web, sources):
    host.serve_nemar("nm1/v1", {"a": b"a"})
    host.faults["/nemar/nm1/v1/manifest.json"] = ["503", "drop:5", "429"]
    assert len(list_files("nemar", "nm1/v1", web, sources)) == 1


@pytest.mark.parametrize("name", ["osf", "openneuro", "nemar"])
def test_an_unknown_dataset_is_one_line(host, web, sources, name):
    host.faults["/s3"] = ["*404"]
    with pytest.raises(InputError, match=r"http.*: the server answers 404 .*study's page"):
        list_files(name, "absent", web, sources)


NONSENSE = [
    b"<html>maintenance</html>",
    b"",
    b"[1]",
    b"{}",
    b'{"data": [{}]}',
    b'{"data": [{"attributes": 3}]}',
    b"<a/",
    b"3",
]


@pytest.mark.parametrize("answer", NONSENSE)
@pytest.mark.parametrize("name", ["osf", "openneuro", "nemar"])
def test_anything_but_a_listing_is_one_line(host, web, sources, name, answer):
    host.pages["/osf/nodes/x/files/", "1"] = host.pages["/nemar/x/manifest.json", "1"] = answer
    host.s3_page = lambda query: answer
    with pytest.raises(InputError, match=r"^http.*: not a listing .*study's page"):
        list_files(name, "x", web, sources)


def test_a_listing_that_runs_in_circles_ends(host, web, sources):
    page = {"data": [], "links": {"next": f"{host.url}/osf/nodes/x/files/"}}
    host.pages["/osf/nodes/x/files/", "1"] = json.dumps(page).encode()
    with pytest.raises(InputError, match="circles"):
        list_files("osf", "x", web, sources)
