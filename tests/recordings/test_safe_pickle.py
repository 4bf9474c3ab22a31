"""What reading pickled npy files promises: arrays and plain containers come back, nothing is ever run."""

import contextlib
import io
import itertools
import os
import pickle
import pickletools
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings import safe_pickle
from pipeline_lib.recordings.safe_pickle import load_array, load_dict, required, words
from tests.recordings.sparse_file import write_sparse_raw

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


def write_pickle(path, content, protocol=3, *, bare=False):
    """`content` pickled, after an npy header unless `bare`; bytes stand for themselves."""
    with path.open("wb") as file:
        if not bare:
            np.lib.format.write_array_header_1_0(file, {"shape": (), "fortran_order": False, "descr": "|O"})
        file.write(content if isinstance(content, bytes) else pickle.dumps(content, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_arrays_and_plain_containers_come_back(tmp_path, protocol):
    read = load_dict(write_pickle(tmp_path / "x.npy", np.array(CONTENT, dtype=object), protocol))
    assert read.keys() == CONTENT.keys()
    np.testing.assert_equal(read, CONTENT)
    assert read["data"].dtype == np.float64


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_a_pickle_without_header_holds_the_same(tmp_path, protocol):
    read = load_dict(write_pickle(tmp_path / "x.npy", CONTENT, protocol, bare=True))
    assert read.keys() == CONTENT.keys()
    np.testing.assert_equal(read, CONTENT)


BIG = np.random.default_rng(0).standard_normal((120, 280))


@pytest.fixture(params=[(3, False), (4, False), (5, False), (3, True), (4, True), (5, True)], ids=str)
def saved(request, tmp_path):
    """Saves a content with each protocol, with and without a header, and reads it back."""
    protocol, bare = request.param

    def save(content):
        return load_dict(write_pickle(tmp_path / "x.npy", content, protocol, bare=bare))

    return save


@pytest.mark.parametrize(
    "array",
    [BIG, np.asfortranarray(BIG), BIG.T, BIG[::2], BIG.astype(">f4"), BIG.astype("S9"), BIG.reshape(2, 3, 20, 280)],
    ids=["C", "Fortran", "transposed", "strided", "big endian", "strings", "four axes"],
)
def test_big_arrays_are_views_on_the_file_with_the_same_values(saved, array):
    assert array.nbytes > 2**16
    read = saved({"before": 1, "big": array, "after": "x"})
    assert not read["big"].flags.owndata
    assert (read["big"].dtype, read["before"], read["after"]) == (array.dtype, 1, "x")
    np.testing.assert_array_equal(read["big"], array)
    assert read["big"].flags.c_contiguous == np.array(array, copy=True, order="A").flags.c_contiguous


def test_changing_a_view_leaves_the_file_as_it_is(saved, tmp_path):
    read = saved({"big": BIG})
    before = (tmp_path / "x.npy").read_bytes()
    read["big"][0] = 7
    assert (read["big"][0] == 7).all()
    assert (tmp_path / "x.npy").read_bytes() == before
    assert np.array_equal(load_dict(tmp_path / "x.npy")["big"], BIG)


def test_a_file_that_memory_cannot_hold_is_mapped_for_reading(saved, monkeypatch):
    def only_for_reading(number, length, access):
        if access != safe_pickle.ACCESS_READ:
            raise OSError(12, "Cannot allocate memory")
        return mapping(number, length, access=access)

    mapping = safe_pickle.mmap
    monkeypatch.setattr(safe_pickle, "mmap", only_for_reading)
    read = saved({"big": BIG})
    assert np.array_equal(read["big"], BIG)
    assert not read["big"].flags.writeable


def test_one_array_in_two_places_stays_one(saved):
    read = saved({"a": BIG, "b": [BIG, BIG]})
    assert read["a"] is read["b"][0] is read["b"][1]
    assert np.array_equal(read["a"], BIG)


def test_long_bytes_and_texts_that_are_no_arrays_come_back(saved):
    content = {"bytes": b"x" * 100_000, "pair": (b"y" * 100_000, 1), "text": "é" * 100_000}
    assert saved(content) == content


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_one_row_of_a_gigabyte_costs_neither_time_nor_memory(tmp_path):
    write_sparse_raw(tmp_path / "x.npy", n_channels=64, n_samples=2_097_152, codes={5: 1})
    assert (tmp_path / "x.npy").stat().st_size > 2**30
    before, start = resident_bytes(), time.perf_counter()
    read = load_dict(tmp_path / "x.npy")
    assert read["raw_eeg_data"].shape == (64, 2_097_152)
    assert np.flatnonzero(read["raw_eeg_data"][-1]).tolist() == [5]
    assert resident_bytes() - before < 50e6
    assert time.perf_counter() - start < 2


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_reads_what_numpy_saves(tmp_path):
    np.save(tmp_path / "x.npy", CONTENT)
    np.testing.assert_equal(load_dict(tmp_path / "x.npy"), CONTENT)


def test_reads_the_names_of_numpy_1(tmp_path):
    new = pickle.dumps(np.array({"data": np.arange(3)}, dtype=object), protocol=3)
    old = new.replace(b"numpy._core.", b"numpy.core.")
    assert old != new
    assert load_dict(write_pickle(tmp_path / "x.npy", old))["data"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(("protocol", "bare"), [(0, False), (2, False), (4, False), (2, True), (4, True)])
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: {"a": [({"b": x},)]}, lambda x: np.array([x], dtype=object)])
def test_a_call_is_refused_by_name_and_not_run(tmp_path, wrap, protocol, bare):
    target = tmp_path / "executed"
    file = write_pickle(tmp_path / "x.npy", wrap(Runs(os.system, f"touch {target}")), protocol, bare=bare)
    with pytest.raises(InputError, match=r"x\.npy: refused, nothing was run: .*(posix\.system|_codecs\.encode)"):
        load_dict(file)
    assert not target.exists()
    with file.open("rb") as plain:  # the trap works: without the guard it would have been run
        if not bare:
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


def test_arrays_of_an_old_protocol_are_refused_with_the_cure(tmp_path):
    with pytest.raises(InputError, match=r"asks for _codecs\.encode; .*protocol 2 or older: save it again with numpy"):
        load_dict(write_pickle(tmp_path / "x.npy", {"x": np.zeros(3)}, protocol=2))


OBJECTS = "".join(f"{i:x}" * 16 for i in range(16)).encode() * 1000


@pytest.mark.parametrize("size", [64, len(OBJECTS)])
def test_bytes_never_become_addresses_of_objects(tmp_path, size):
    # Were an array of objects made of them, looking at it would crash the program.
    numbers = np.frombuffer(OBJECTS[:size], dtype="f8")
    for protocol in (3, 4, 5):
        pickled = pickle.dumps({"x": numbers}, protocol)
        assert pickled.count(b"f8") == 1
        pickled = pickled.replace(b"f8", b"O8").replace(b"K\x00t", b"K\x3ft")
        with pytest.raises(InputError, match=r"x\.npy: "):
            load_dict(write_pickle(tmp_path / "x.npy", pickled))


@pytest.mark.parametrize("n", [3, 100_000])
def test_an_array_is_filled_once(tmp_path, n):
    # A second state would free the memory that another array may look into.
    state = pickle.dumps({"x": np.zeros(n)}, protocol=3)
    build = state.index(b"(K\x01")
    twice = state[: state.rindex(b"b", 0, -2) + 1] + state[build : state.rindex(b"b", 0, -2) + 1] + b"s."
    with pytest.raises(InputError, match="sets the state of a ndarray"):
        load_dict(write_pickle(tmp_path / "x.npy", twice))


@pytest.mark.parametrize("n", [3, 20_000])
@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_a_shape_that_does_not_fit_its_elements_is_refused(tmp_path, n, protocol):
    for array in (np.zeros((n, 5)), np.array([[None] * 5] * n)):
        pickled = pickle.dumps({"x": array}, protocol)
        assert pickled.count(b"K\x05\x86") == 1
        for shape in (b"J\xff\xff\xff\x7f\x86", b"J\xff\xff\xff\xff\x86", b"K\x00\x86", b"K\x04\x86"):
            with pytest.raises(InputError, match="truncated or damaged"):
                load_dict(write_pickle(tmp_path / "x.npy", pickled.replace(b"K\x05\x86", shape)))


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


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_big_array_whose_end_is_missing_is_one_line(saved, tmp_path, share):
    saved({"data": BIG})
    whole = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=r"x\.npy: .* \(EOFError: \d+ bytes are missing\); get it again"):
        load_dict(tmp_path / "x.npy")


FUZZED = CONTENT | {"mapped": BIG.astype(np.float32)}


@pytest.fixture(scope="module")
def valid_files():
    """Valid files, each with every kind of content."""
    file = io.BytesIO()
    np.save(file, FUZZED)
    return [file.getvalue(), *(pickle.dumps(FUZZED, protocol) for protocol in (3, 4, 5))]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_gives_one_line_or_a_dict(tmp_path, valid_files, data):
    content = bytearray(data.draw(st.sampled_from(valid_files)))
    places = [place for place in range(len(content)) if place < 3000 or place > len(content) - 3000]
    for place in data.draw(st.lists(st.sampled_from(places), max_size=3)):
        content[place] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del content[data.draw(st.sampled_from(places)) :]
    (tmp_path / "x.npy").write_bytes(content)
    for load, kind in ((load_dict, dict), (load_array, np.ndarray)):
        with contextlib.suppress(InputError):
            result = load(tmp_path / "x.npy")
            assert isinstance(result, kind)
            repr(result)  # whatever it holds can be looked at


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY"])
def test_a_file_of_another_kind_is_named(tmp_path, content):
    (tmp_path / "x.npy").write_bytes(content)
    for load in (load_dict, load_array):
        with pytest.raises(InputError, match=r"x\.npy: not an npy file .*get it again"):
            load(tmp_path / "x.npy")


@pytest.mark.parametrize(
    "content", [b"version https://git-lfs.github.com/spec/v1", b"/annex/objects/SHA256E-s20--a.npy"]
)
def test_a_stub_is_named_as_one(tmp_path, content):
    (tmp_path / "text.npy").write_bytes(content)
    (tmp_path / "link.npy").symlink_to("../annex/objects/a.npy")
    for load in (load_dict, load_array):
        with pytest.raises(
            InputError, match=r"text\.npy: not an npy file: a text stub .*; get its content first: tria"
        ):
            load(tmp_path / "text.npy")
        with pytest.raises(
            InputError, match=r"link\.npy: cannot be read .*: a link to content .*; get its content first"
        ):
            load(tmp_path / "link.npy")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"x\.npy: cannot be read \(No such file"):
        load_dict(tmp_path / "x.npy")


def test_the_other_container_is_refused(tmp_path):
    (tmp_path / "none.npy").write_bytes(b"\x80\x04N.")
    with pytest.raises(InputError, match="holds a NoneType, expected a pickled dict"):
        load_dict(tmp_path / "none.npy")
    with pytest.raises(InputError, match="not an npy file"):
        load_array(tmp_path / "none.npy")
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


@pytest.mark.parametrize("names", [["Fp1", "Oz"], ("Fp1", "Oz"), np.array(["Fp1", "Oz"])])
def test_names_are_words(tmp_path, names):
    assert words(names, "ch_names", tmp_path) == ["Fp1", "Oz"]


@pytest.mark.parametrize("names", ["Fp1", 7, {"Fp1": 1}, np.array("Fp1"), np.array([["Fp1"]]), None])
def test_what_is_no_list_of_names_is_named(tmp_path, names):
    with pytest.raises(InputError, match=r"x\.npy: ch_names must be a list of names, is a "):
        words(names, "ch_names", tmp_path / "x.npy")
