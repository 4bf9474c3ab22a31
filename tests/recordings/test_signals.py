"""Signals: each format gives the samples that were written, brain channels only, and damage is one line."""

import shutil
import warnings

import mne
import numpy as np
import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.recordings.signals import read_header, read_signal
from tests.recordings.bids_study import ANNEX, SFREQ, noise, write_bdf, write_fif

NAMES = ["Oz", "Pz", "Fp1"]


def write_edf(path, microvolts, names=NAMES):
    import edfio

    pairs = zip(microvolts, names, strict=True)
    edfio.Edf([edfio.EdfSignal(row, SFREQ, label=n, physical_dimension="uV") for row, n in pairs]).write(path)
    return path


def write_brainvision(path, microvolts, names=NAMES):
    import pybv

    pybv.write_brainvision(
        data=microvolts * 1e-6, sfreq=SFREQ, ch_names=names, fname_base=path.stem, folder_out=path.parent
    )
    return path


def write_set(path, microvolts, names=NAMES):
    from scipy.io import savemat

    chanlocs = np.array([(name,) for name in names], dtype=[("labels", "O")])
    eeg = {"setname": "x", "nbchan": len(names), "pnts": microvolts.shape[1], "trials": 1, "srate": SFREQ, "xmin": 0.0}
    eeg |= {"data": microvolts, "chanlocs": chanlocs, "event": [], "epoch": [], "ref": "common", "icaweights": []}
    savemat(path, {"EEG": eeg}, appendmat=False)
    return path


# pybv and EEGLAB store 32-bit floats, BDF 24 and EDF 16 bits over the range of the signal.
FORMATS = [(write_bdf, ".bdf", 1e-4), (write_edf, ".edf", 2e-3), (write_brainvision, ".vhdr", 1e-4)]
FORMATS += [(write_set, ".set", 1e-4)]


@pytest.mark.parametrize(("write", "ending", "tolerance"), FORMATS, ids=[ending for _, ending, _ in FORMATS])
def test_a_format_of_eeg_gives_the_samples_in_volts(tmp_path, write, ending, tolerance):
    microvolts = noise(3)
    file = write(tmp_path / f"x_eeg{ending}", microvolts, NAMES)
    signal = read_signal(file)
    assert (signal.ch_names, signal.ch_types, signal.sfreq) == (NAMES, ["eeg"] * 3, SFREQ)
    np.testing.assert_allclose(signal.data * 1e6, microvolts, rtol=0, atol=tolerance)
    header = read_header(file)
    assert (header.ch_names, header.sfreq) == (NAMES, SFREQ)


@pytest.mark.parametrize("ending", [".BDF", ".Bdf"])
def test_the_case_of_an_ending_does_not_matter(tmp_path, ending):
    file = write_bdf(tmp_path / "x_eeg.bdf", noise(3), NAMES)
    assert read_header(file.rename(tmp_path / f"x_eeg{ending}")).ch_names == NAMES


def test_channels_tsv_leaves_out_what_is_no_eeg(tmp_path):
    file = write_bdf(tmp_path / "x_eeg.bdf", noise(3), ["Oz", "EOG1", "Pz"])
    signal = read_signal(file, {"oz": "eeg", "EOG1": "EOG", "absent": "MISC"})
    assert signal.ch_names == ["Oz", "Pz"]
    np.testing.assert_allclose(signal.data * 1e6, noise(3)[[0, 2]], atol=1e-4)


def test_types_of_fif_are_its_own(tmp_path):
    names, types = ["BG1", "M1", "G1", "E1", "O1", "UPPT001"], ["ref_meg", "mag", "grad", "eeg", "eog", "stim"]
    file = write_fif(tmp_path / "x_meg.fif", noise(6, scale=1e-12), names, types)
    signal = read_signal(file, dict.fromkeys(names, "OTHER"))
    assert (signal.ch_names, signal.ch_types) == (["M1", "G1", "E1"], ["mag", "grad", "eeg"])
    np.testing.assert_allclose(signal.data, noise(6, scale=1e-12)[1:4], rtol=1e-6)


def test_sample_0_is_the_first_in_the_file_whatever_its_number(tmp_path):
    data = noise(1, scale=1e-12)
    file = write_fif(tmp_path / "x_meg.fif", data, ["M1"], ["mag"], first_samp=777)
    np.testing.assert_allclose(read_signal(file).data, data, rtol=1e-6)


def test_annotated_stretches_are_kept(tmp_path):
    data = noise(1, scale=1e-12)
    raw = mne.io.RawArray(data, mne.create_info(["M1"], SFREQ, "mag"), verbose="error")
    raw.set_annotations(mne.Annotations([1.0, 3.0], [1.0, 0.5], ["BAD_segment", "EDGE boundary"]))
    raw.save(tmp_path / "x_meg.fif", verbose="error")
    assert read_signal(tmp_path / "x_meg.fif").data.shape == (1, 1000)


@pytest.fixture
def parts(tmp_path):
    """A FIF recording in three parts, named as MNE or as BIDS names them."""

    def write(naming):
        data = noise(20, 100_000, scale=1e-12)
        names = [f"M{row}" for row in range(20)]
        write_fif(tmp_path / "x_meg.fif", data, names, ["mag"] * 20, split_size="3MB", split_naming=naming)
        return data, sorted(tmp_path.glob("*.fif"), key=lambda path: (path.stem != "x_meg", path.stem))

    return write


@pytest.mark.parametrize("naming", ["neuromag", "bids"])
def test_parts_of_fif_are_read_as_one(parts, naming):
    data, files = parts(naming)
    assert len(files) == 4
    np.testing.assert_allclose(read_signal(files[0]).data, data, rtol=1e-6)


@pytest.mark.parametrize("naming", ["neuromag", "bids"])
@pytest.mark.parametrize("lost", [1, 2])
def test_a_missing_part_of_fif_is_named(parts, naming, lost):
    _, files = parts(naming)
    files[lost].unlink()
    with pytest.raises(InputError, match=rf"its next part .*{files[lost].name} is missing; put all parts"):
        read_signal(files[0])


@pytest.mark.parametrize("naming", ["neuromag", "bids"])
def test_a_part_of_fif_that_is_a_stub_is_named(parts, naming):
    _, files = parts(naming)
    files[2].write_text(ANNEX)
    with pytest.raises(InputError, match=rf"{files[2].name} is a text stub in place of the signal; get its content"):
        read_header(files[0])


# Real recordings


def test_real_ctf_gives_sensors_without_references(real_data):
    file = real_data / "recordings" / "ctf" / "testdata_ctf_short_discontinuous.ds"
    signal = read_signal(file)
    assert signal.ch_types.count("mag") == 273
    assert signal.data.shape == (len(signal.ch_names), 2402)
    assert signal.sfreq == 1200
    assert "MRO11-4304" in signal.ch_names
    assert not [name for name in signal.ch_names if name[0] in "BGPQR" or name.startswith("UPPT")]
    raw = mne.io.read_raw_ctf(file, system_clock="ignore", verbose="error")
    assert raw.get_channel_types().count("ref_meg") == 28
    assert signal.ch_names == [name for name in raw.ch_names if name in set(signal.ch_names)]
    np.testing.assert_array_equal(signal.data[0], raw.get_data(signal.ch_names[0])[0])


def test_real_brainvision_gives_eeg_without_misc(real_data):
    signal = read_signal(real_data / "recordings" / "mne_brainvision" / "test.vhdr")
    assert signal.data.shape == (26, 7900)
    assert (signal.ch_names[:3], set(signal.ch_types), signal.sfreq) == (["FP1", "FP2", "F3"], {"eeg"}, 1000)


def test_real_eeglab_leaves_out_eog_where_channels_tsv_says_so(real_data):
    file = real_data / "recordings" / "eeglab_sample" / "eeglab_data.set"
    assert read_signal(file).data.shape == (32, 30504)
    assert len(read_header(file, {"EOG1": "EOG", "EOG2": "VEOG"}).ch_names) == 30


# Damage


def damaged(file, how, tmp_path):
    content = file.read_bytes()
    n_bytes = {"empty": 0, "tenth": len(content) // 10, "half": len(content) // 2, "almost": len(content) - 1}[how]
    file.write_bytes(content[:n_bytes])
    return file


@pytest.mark.parametrize(("write", "ending", "_"), FORMATS, ids=[ending for _, ending, _ in FORMATS])
@pytest.mark.parametrize("how", ["empty", "tenth", "half"])
def test_a_header_or_file_that_is_cut_short_is_one_line(tmp_path, write, ending, _, how):
    file = damaged(write(tmp_path / f"x_eeg{ending}", noise(3, 300), NAMES), how, tmp_path)
    with pytest.raises(InputError, match=rf"x_eeg\{ending}: .*; .*get (it|its content|the file)") as caught:
        read_signal(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("write", [write_bdf, write_edf])
def test_edf_without_its_last_byte_is_cut_short_though_mne_would_read_it(tmp_path, write):
    file = write(tmp_path / f"x_eeg.{write.__name__[-3:]}", noise(3), NAMES)
    size = file.stat().st_size
    with pytest.raises(InputError, match=rf"cut short, {size - 1} bytes of {size}; get the file again"):
        read_header(damaged(file, "almost", tmp_path))


@pytest.mark.parametrize("how", ["empty", "tenth", "half"])
@pytest.mark.parametrize("kind", ["meg4", "res4"])
def test_ctf_that_is_cut_short_is_one_line(real_data, tmp_path, kind, how):
    name = "testdata_ctf_short_discontinuous"
    folder = shutil.copytree(
        real_data / "recordings" / "ctf" / f"{name}.ds", tmp_path / f"{name}.ds", copy_function=shutil.copyfile
    )
    folder.chmod(0o755)
    damaged(folder / f"{name}.{kind}", how, tmp_path)
    with pytest.raises(InputError, match=rf"{name}\.ds: cannot be read as CTF \(.*get it again"):
        read_signal(folder)


@pytest.mark.parametrize("kind", ["meg4", "res4"])
def test_ctf_without_one_of_its_files_names_it(tmp_path, kind):
    folder = tmp_path / "x_meg.ds"
    (folder / "x_meg_hz.ds").mkdir(parents=True)
    (folder / f"x_meg.{'res4' if kind == 'meg4' else 'meg4'}").write_bytes(bytes(2000))
    with pytest.raises(InputError, match=rf"x_meg\.ds: x_meg\.{kind} is missing; get its content first"):
        read_signal(folder)


def test_fif_that_is_cut_short_is_one_line(tmp_path):
    file = write_fif(tmp_path / "x_meg.fif", noise(3, scale=1e-12), ["M1", "M2", "M3"], ["mag"] * 3)
    with pytest.raises(InputError, match=r"x_meg\.fif: cannot be read as FIF"):
        read_signal(damaged(file, "half", tmp_path))


def test_bytes_of_no_format_are_one_line(tmp_path):
    for ending in (".bdf", ".edf", ".vhdr", ".set", ".fif"):
        file = tmp_path / f"x_eeg{ending}"
        file.write_bytes(np.random.default_rng(0).bytes(5000))
        with pytest.raises(InputError, match=rf"x_eeg\{ending}: cannot be read as"):
            read_signal(file)


def test_brainvision_without_its_samples_names_them(tmp_path):
    file = write_brainvision(tmp_path / "x_eeg.vhdr", noise(3))
    (tmp_path / "x_eeg.eeg").unlink()
    with pytest.raises(InputError, match=r"x_eeg\.vhdr: x_eeg\.eeg is missing"):
        read_signal(file)
    (tmp_path / "x_eeg.eeg").write_text(ANNEX)
    with pytest.raises(InputError, match=r"x_eeg\.vhdr: x_eeg\.eeg is a text stub"):
        read_signal(file)


def test_a_recording_without_brain_channels_names_what_it_has(tmp_path):
    file = write_fif(tmp_path / "x_meg.fif", noise(2), ["EOG1", "UPPT001"], ["eog", "stim"])
    with pytest.raises(InputError, match=r"no channels of EEG or MEG; it has: EOG1 \(eog\), UPPT001 \(stim\)"):
        read_header(file)


def test_an_unknown_ending_is_named(tmp_path):
    (tmp_path / "x_meg.sqd").write_bytes(bytes(2000))
    with pytest.raises(InputError, match=r"the ending of a signal's file is '\.sqd', allowed: \.vhdr, \.bdf"):
        read_signal(tmp_path / "x_meg.sqd")


def test_mne_says_nothing(tmp_path, capfd, recwarn):
    warnings.simplefilter("always")
    write_fif(tmp_path / "oddname.fif", noise(1, scale=1e-12), ["M1"], ["mag"], fmt="short")
    recwarn.clear()
    capfd.readouterr()
    read_signal(tmp_path / "oddname.fif")
    read_signal(write_bdf(tmp_path / "x_eeg.bdf", noise(2), ["same", "same"]))
    assert not recwarn.list
    assert capfd.readouterr() == ("", "")
