"""Digests are those of sha256sum, and change with any byte."""

import pytest

from pipeline_lib.common.digests import digest_if_there, digest_of_files, file_digest

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of FIPS 180-2, B.1
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture
def files(tmp_path):
    for name, content in {"abc": b"abc", "empty": b"", "large": bytes(3 << 20)}.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_of_a_file(files):
    assert file_digest(files / "abc") == ABC
    assert file_digest(files / "empty") == digest_if_there(files / "empty") == EMPTY
    before = file_digest(files / "large")
    (files / "large").write_bytes(bytes((3 << 20) - 1) + b"\1")
    assert file_digest(files / "large") != before


@pytest.mark.parametrize("name", ["absent", "."])
def test_what_is_no_file_has_none(files, name):
    assert digest_if_there(files / name) == ""


def test_of_several_files_order_counts(files):
    abc, empty = files / "abc", files / "empty"
    assert digest_of_files([abc]) == ABC
    assert digest_of_files([abc, empty]) != digest_of_files([empty, abc])
    (files / "listed").write_text(f"{ABC}\n{EMPTY}")
    assert digest_of_files([abc, empty]) == file_digest(files / "listed")
