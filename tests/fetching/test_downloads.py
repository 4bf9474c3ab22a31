"""A file arrives whole or not at all, and what has arrived is not asked for again."""

import hashlib
import io
import random
from contextlib import nullcontext

import pytest
import requests

from pipeline_lib.common.errors import InputError
from pipeline_lib.fetching.downloads import fetch_file, part_file
from pipeline_lib.fetching.remote import RemoteFile

CONTENT = random.Random(0).randbytes(300_000)
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"
PATH = "/files/a b.bin"


@pytest.fixture
def scratch(tmp_path):
    """Where parts gather."""
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


@pytest.fixture
def target(tmp_path):
    """Where the file goes, in a folder that is not there yet."""
    return tmp_path / "study" / "sub-01" / "a b.bin"


@pytest.fixture
def remote(host):
    """A file with all a listing may say."""
    return RemoteFile("a b.bin", host.put(PATH, CONTENT), len(CONTENT), MD5)


def ranges(host):
    return [asked for _, asked in host.asked]


def offsets(host):
    return [int(asked.removeprefix("bytes=").removesuffix("-") or 0) for asked in ranges(host)]


def test_a_file_arrives_with_one_request(host, web, remote, target, scratch):
    moved = []
    fetch_file(web, remote, target, scratch, moved.append)
    assert target.read_bytes() == CONTENT
    assert ranges(host) == [""]
    assert sum(moved) == len(CONTENT)
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("checksum", [MD5, f"sha256:{hashlib.sha256(CONTENT).hexdigest()}", "git", ""])
def test_every_checksum_is_known(host, web, remote, target, scratch, checksum):
    blob = hashlib.sha1(b"blob 300000\0" + CONTENT).hexdigest()
    remote = RemoteFile(remote.path, remote.url, remote.size, f"git:{blob}" if checksum == "git" else checksum)
    fetch_file(web, remote, target, scratch)
    assert target.read_bytes() == CONTENT


def test_a_dropped_connection_is_continued_where_it_broke(host, web, remote, target, scratch):
    moved = []
    host.faults[PATH] = ["drop:100000", "drop:100000"]
    fetch_file(web, remote, target, scratch, moved.append)
    assert target.read_bytes() == CONTENT
    first, second, third = offsets(host)
    assert first == 0
    # One chunk of 65,536 bytes at most is lost.
    assert 100_000 - 65_536 <= second <= 100_000 < third <= 200_000
    assert sum(moved) == len(CONTENT)


def test_the_part_is_kept_for_the_next_run(host, web, remote, target, scratch):
    host.faults[PATH] = ["drop:200000", "*500"]
    with pytest.raises(InputError, match=r"a%20b\.bin: .*500.*\(4 attempts\); check the connection .* continues"):
        fetch_file(web, remote, target, scratch)
    assert not target.parent.exists()
    part = part_file(remote, scratch)
    assert [part] == list(scratch.iterdir())
    kept = part.read_bytes()
    assert kept == CONTENT[: len(kept)]
    assert len(kept) > 100_000
    host.faults.clear()
    host.asked.clear()
    fetch_file(web, remote, target, scratch)
    assert offsets(host) == [len(kept)]
    assert target.read_bytes() == CONTENT


def test_progress_counts_failures_anew(host, web, remote, target, scratch):
    host.faults[PATH] = ["drop:70000", "500", "500", "drop:70000", "500", "500", "drop:70000", "500"]
    fetch_file(web, remote, target, scratch)
    assert target.read_bytes() == CONTENT


def test_a_server_that_ignores_ranges_sends_all_again(host, web, remote, target, scratch):
    moved = []
    host.faults[PATH] = ["drop:200000", "ignore-range"]
    fetch_file(web, remote, target, scratch, moved.append)
    assert target.read_bytes() == CONTENT
    assert offsets(host)[1] > 0
    assert len(host.asked) == 2
    assert sum(moved) == len(CONTENT)


def test_a_server_that_ignores_ranges_and_drops_is_given_up(host, web, remote, target, scratch):
    host.faults[PATH] = ["*deaf:200000"]
    with pytest.raises(InputError, match=r"4 attempts"):
        fetch_file(web, remote, target, scratch)
    assert len(host.asked) == 4
    assert not target.exists()


def test_another_range_than_asked_for_is_not_appended(host, web, remote, target, scratch):
    host.faults[PATH] = ["drop:200000", "shifted", "fine"]
    fetch_file(web, remote, target, scratch)
    assert target.read_bytes() == CONTENT
    assert offsets(host)[2] == 0


@pytest.mark.parametrize("fault", ["500", "503", "429", "408", "drop:0", "short:1000", "long"])
def test_what_may_pass_is_tried_again(host, web, remote, target, scratch, fault):
    host.faults[PATH] = [fault, fault]
    fetch_file(web, remote, target, scratch)
    assert target.read_bytes() == CONTENT
    assert len(host.asked) == 3


@pytest.mark.parametrize(
    ("status", "cure"), [("404", "no such file"), ("403", "browser"), ("410", "away"), ("418", "page")]
)
def test_what_will_not_pass_is_asked_once(host, web, remote, target, scratch, status, cure):
    host.faults[PATH] = [f"*{status}"]
    with pytest.raises(InputError, match=rf"a%20b\.bin: the server answers {status} .*{cure}"):
        fetch_file(web, remote, target, scratch)
    assert len(host.asked) == 1
    assert not target.exists()


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("*short:1000", "sends 1000 of 300000 bytes"),
        ("*long", "sends more than the 300000 bytes"),
        ("*500", "answers 500"),
        ("*429", "answers 429"),
        ("*drop:0", "no whole answer"),
    ],
)
def test_what_does_not_pass_ends_in_one_line_and_no_file(host, web, remote, target, scratch, fault, says):
    host.faults[PATH] = [fault]
    with pytest.raises(InputError) as caught:
        fetch_file(web, remote, target, scratch)
    assert remote.url in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "4 attempts" in str(caught.value)
    assert says in str(caught.value)
    assert not target.exists()
    assert not list(scratch.glob("*.whole"))


def test_wrong_bytes_are_fetched_once_more(host, web, remote, target, scratch):
    moved = []
    host.faults[PATH] = ["wrong"]
    fetch_file(web, remote, target, scratch, moved.append)
    assert target.read_bytes() == CONTENT
    assert ranges(host) == ["", ""]
    assert sum(moved) == len(CONTENT)


@pytest.mark.parametrize("algorithm", ["md5", "sha256", "git"])
def test_wrong_bytes_twice_are_refused(host, web, remote, target, scratch, algorithm):
    remote = RemoteFile(remote.path, remote.url, remote.size, f"{algorithm}:{'0' * 40}")
    with pytest.raises(InputError, match=rf"a%20b\.bin: twice the bytes .*\({algorithm}:0+\); try again later"):
        fetch_file(web, remote, target, scratch)
    assert len(host.asked) == 2
    assert not target.exists()
    assert list(scratch.iterdir()) == []


def test_what_stood_there_stays_until_the_new_file_is_whole(host, web, remote, target, scratch):
    target.parent.mkdir(parents=True)
    target.write_text("old")
    host.faults[PATH] = ["*wrong"]
    with pytest.raises(InputError):
        fetch_file(web, remote, target, scratch)
    assert target.read_text() == "old"
    host.faults.clear()
    fetch_file(web, remote, target, scratch)
    assert target.read_bytes() == CONTENT


def test_without_size_and_checksum_a_whole_answer_is_enough(host, web, remote, target, scratch):
    remote = RemoteFile(remote.path, remote.url, None)
    host.faults[PATH] = ["drop:200000"]
    fetch_file(web, remote, target, scratch)
    assert target.read_bytes() == CONTENT
    assert len(host.asked) == 2


def test_a_whole_part_of_unknown_size_is_recognised(host, web, remote, target, scratch):
    remote = RemoteFile(remote.path, remote.url, None)
    part_file(remote, scratch).write_bytes(CONTENT)
    fetch_file(web, remote, target, scratch)  # 416: there is nothing after the last byte
    assert target.read_bytes() == CONTENT
    assert ranges(host) == ["bytes=300000-"]


def test_a_whole_part_is_not_asked_for(host, web, remote, target, scratch):
    part_file(remote, scratch).write_bytes(CONTENT)
    fetch_file(web, remote, target, scratch)
    assert host.asked == []
    assert target.read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_thrown_away(host, web, remote, target, scratch):
    part_file(remote, scratch).write_bytes(CONTENT + b"more")
    fetch_file(web, remote, target, scratch)
    assert target.read_bytes() == CONTENT


def test_parts_of_another_version_are_not_continued(host, web, remote, target, scratch):
    older = RemoteFile(remote.path, remote.url, remote.size, "md5:" + "1" * 32)
    part_file(older, scratch).write_bytes(b"other bytes")
    fetch_file(web, remote, target, scratch)
    assert ranges(host) == [""]
    assert target.read_bytes() == CONTENT


def test_a_version_without_checksum_is_continued_only_if_it_is_the_same(host, web, remote, target, scratch):
    remote = RemoteFile(remote.path, remote.url, remote.size, etag='"abc-2"')
    host.faults[PATH] = ["drop:100000"]
    fetch_file(web, remote, target, scratch)
    assert [asked.get("If-Range") for asked in host.headers] == [None, '"abc-2"']


def test_no_server_at_all(web, target, scratch):
    remote = RemoteFile("a", "http://127.0.0.1:9/a", 1)
    with pytest.raises(InputError, match=r"http://127\.0\.0\.1:9/a: no whole answer: .*refused.* \(4 attempts\)"):
        fetch_file(web, remote, target, scratch)


@pytest.mark.parametrize(
    ("steps", "refused"),
    [
        (["https://a/1", "https://b/2"], ""),
        (["https://a/1", "http://b/2"], "http://b/2"),
        (["https://a/1", "http://b/2", "https://a/3"], "http://b/2"),
        (["http://a/1", "http://b/2"], ""),
    ],
)
def test_nobody_leads_from_an_encrypted_address_to_an_open_one(web, monkeypatch, steps, refused):
    answers = [requests.Response() for _ in steps]
    for answer, url in zip(answers, steps, strict=True):
        answer.url, answer.status_code, answer.raw = url, 200, io.BytesIO(b"bytes")
    answers[-1].history = answers[:-1]
    monkeypatch.setattr(web.session, "get", lambda url, **_: answers[-1])
    expected = pytest.raises(InputError, match=f"leads on to {refused}, without") if refused else nullcontext()
    with expected:
        assert web.text(steps[0]) == "bytes"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/a", "nonsense", "http://"])
def test_addresses_of_another_kind_are_refused(web, target, scratch, url):
    with pytest.raises(InputError, match="not an address"):
        fetch_file(web, RemoteFile("a", url, 1), target, scratch)
    assert not target.exists()
