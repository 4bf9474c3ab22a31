"""What reading pickled npy files promises: arrays and plain containers come back, nothing is ever run."""

import io
import itertools
import os
import pickle
import pickletools

import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.safe_pickle import load_array, load_dict, required

CONTENT = {
    "data": np.arange(6.0).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    "big endian": np.arange(3, dtype=">i4"),
    "names": ["Fp1", "Oz"],
    "strings": np.array(["aardvark", "yo-yo"]),
    "objects": np.array(["a", 1, None, [2.5]], dtype=object),
    "number": np.float64(1000),
    "flag": np.True_,
    "nested": {"tuple": (1, 2.5, b"x", None, True), "set": {1, 2}},
}


class Runs:
    """Pickles to a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def write_pickle(path, content, protocol=3):
    """An npy file with an object header and `content` pickled; bytes stand for themselves."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"shape": (), "fortran_order": False, "descr": "|O"})
        file.write(content if isinstance(content, bytes) else pickle.dumps(content, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_arrays_and_plain_containers_come_back(tmp_path, protocol):
    read = load_dict(write_pickle(tmp_path / "x.npy", np.array(CONTENT, dtype=object), protocol))
    assert read.keys() == CONTENT.keys()
    np.testing.assert_equal(read, CONTENT)
    assert read["data"].dtype == np.float64


def test_reads_what_numpy_saves(tmp_path):
    np.save(tmp_path / "x.npy", CONTENT)
    np.testing.assert_equal(load_dict(tmp_path / "x.npy"), CONTENT)


def test_reads_the_names_of_numpy_1(tmp_path):
    new = pickle.dumps(np.array({"data": np.arange(3)}, dtype=object), protocol=3)
    old = new.replace(b"numpy._core.", b"numpy.core.")
    assert old != new
    assert load_dict(write_pickle(tmp_path / "x.npy", old))["data"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: {"a": [({"b": x},)]}, lambda x: np.array([x], dtype=object)])
def test_a_call_is_refused_by_name_and_not_run(tmp_path, wrap, protocol):
    target = tmp_path / "executed"
    file = write_pickle(tmp_path / "x.npy", wrap(Runs(os.system, f"touch {target}")), protocol)
    with pytest.raises(InputError, match=r"x\.npy: refused, nothing was run: .*(posix\.system|_codecs\.encode)"):
        load_dict(file)
    assert not target.exists()
    with file.open("rb") as plain:  # the trap works: without the guard it would have been run
        np.lib.format.read_magic(plain)
        np.lib.format.read_array_header_1_0(plain)
        pickle.load(plain)
    assert target.exists()


@pytest.mark.parametrize("function", [eval, getattr, np.load, np.fromfile, np.save, io.open, __import__])
def test_other_functions_are_refused_too(tmp_path, function):
    with pytest.raises(InputError, match="refused"):
        load_dict(write_pickle(tmp_path / "x.npy", {"x": Runs(function, "1")}))


def test_objects_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"asks for pathlib.*PosixPath"):
        load_dict(write_pickle(tmp_path / "x.npy", {"file": tmp_path}))


def state_of_dtype(state):
    """A pickle of an array whose data type has been given `state`: addresses in place of numbers, if it were read."""
    pickled = pickle.dumps({"x": np.zeros(1, dtype=object)}, protocol=3)
    good = pickle.dumps((3, "|", None, None, None, -1, -1, 63), protocol=3)[2:-1]
    bad = pickle.dumps(state, protocol=3)[2:-1]
    good, bad = (b"".join(_without_memo(part)) for part in (good, bad))
    pickled = b"".join(_without_memo(pickled[2:-1]))
    assert good in pickled
    return b"\x80\x03" + pickled.replace(good, bad) + b"."


def _without_memo(instructions):
    source = b"\x80\x03" + instructions + b"."
    marks = [(op, place) for op, _, place in pickletools.genops(source)]
    for (op, start), (_, stop) in itertools.pairwise(marks[1:]):
        if "PUT" not in op.name:
            yield source[start:stop]


def test_a_data_type_stripped_of_its_objects_is_refused(tmp_path):
    assert np.dtype(object).flags == 63
    with pytest.raises(InputError, match="redefines numpy's data type"):
        load_dict(write_pickle(tmp_path / "x.npy", state_of_dtype((3, "|", None, None, None, -1, -1, 0))))
    assert np.dtype(object).hasobject


@pytest.mark.parametrize(
    "state",
    [
        (3, "|", None, ("a",), {"a": (None, 0)}, 8, 1, 63),
        (3, "|", None, None, None, 16, -1, 63),
        (3, "|", None, None, None, -1, -1),
        [1, 2],
        None,
    ],
)
def test_data_types_of_another_layout_are_refused(tmp_path, state):
    with pytest.raises(InputError, match=r"redefines|damaged"):
        load_dict(write_pickle(tmp_path / "x.npy", state_of_dtype(state)))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_one_line(tmp_path, share):
    file = tmp_path / "x.npy"
    np.save(file, {"data": np.zeros((10, 100))})
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=r"x\.npy: ") as caught:
        load_dict(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"version https://git-lfs.github.com/spec/v1", b"\x80\x04N.", b"PK\x03\x04"])
def test_a_file_of_another_kind_is_named(tmp_path, content):
    (tmp_path / "x.npy").write_bytes(content)
    for load in (load_dict, load_array):
        with pytest.raises(InputError, match=r"x\.npy: not an npy file"):
            load(tmp_path / "x.npy")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"x\.npy: cannot be read \(No such file"):
        load_dict(tmp_path / "x.npy")


def test_the_other_container_is_refused(tmp_path):
    np.save(tmp_path / "plain.npy", np.zeros(3))
    np.save(tmp_path / "list.npy", np.array([1, "a"], dtype=object))
    with pytest.raises(InputError, match="plain array, expected a pickled dict"):
        load_dict(tmp_path / "plain.npy")
    with pytest.raises(InputError, match="holds a ndarray, expected a pickled dict"):
        load_dict(tmp_path / "list.npy")
    with pytest.raises(InputError, match="pickled Python objects"):
        load_array(tmp_path / "list.npy")


def test_plain_arrays_come_back_and_truncated_ones_do_not(tmp_path):
    file = tmp_path / "x.npy"
    np.save(file, np.arange(1000.0))
    assert np.array_equal(load_array(file), np.arange(1000.0))
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(InputError, match="truncated"):
        load_array(file)


def test_missing_keys_are_named(tmp_path):
    with pytest.raises(InputError, match=r"keys are missing: sfreq; it holds: data"):
        required({"data": 1}, ("data", "sfreq"), tmp_path / "x.npy")
