"""The published studies, tiny, as their hosts list them."""

import io
import zipfile


def raw(subject):
    """What a subject's zip of raw recordings holds."""
    return {
        f"ses-0{session}/raw_eeg_{kind}.npy": f"{subject} {session} {kind}".encode() * 50
        for session in (1, 2)
        for kind in ("training", "test")
    }


def archive(members, top=""):
    """A zip of files below a folder."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        for name, content in members.items():
            opened.writestr(f"{top}{name}", content)
    return stream.getvalue()


RAW = {f"sub-{number:02d}.zip": archive(raw(number), f"sub-{number:02d}/") for number in (1, 2, 10)}
EPOCHS = {f"preprocessed_eeg_{kind}.npy": kind.encode() for kind in ("training", "test")}
PREPROCESSED = {f"sub-{number:02d}.zip": archive(EPOCHS, f"sub-{number:02d}/") for number in (1, 2)}
IMAGES = {
    "training_images.zip": archive({"00001_aardvark/aardvark_01b.jpg": b"jpg"}, "training_images/"),
    "test_images.zip": archive({"00001_aircraft_carrier/aircraft_carrier_06s.jpg": b"jpg"}, "test_images/"),
    "image_metadata.npy": b"list",
    "LICENSE.txt": b"terms",
}
EEG_BIDS = {
    "README.md": b"about",
    ".bidsignore": b"",
    "participants.tsv": b"participant_id",
    **{
        f"sub-0{number}/ses-01/{name}": f"{number} {name}".encode()
        for number in (1, 2)
        for name in ("eeg/a_eeg.bdf", "eeg/a_events.tsv", "a_scans.tsv")
    },
    "sourcedata/sub-01/ses-01/eeg/a.eeg": b"not wanted",
    "stimuli/stimuli.tsv": b"table",
    **{f"stimuli/{name}": content for name, content in IMAGES.items()},
    "derivatives/preprocessed_eeg/sub-01__63_channels.zip": archive(dict.fromkeys(EPOCHS, b"63"), "sub-01/"),
}
MEG = {
    "README": b"about",
    "CHANGES": b"",
    "sourcedata/sample_attributes_P1.csv": b"rows 1",
    "sourcedata/sample_attributes_P2.csv": b"rows 2",
    "sourcedata/behavior/run01.csv": b"not wanted",
    "derivatives/preprocessed/preprocessed_P1-epo.fif": b"P1",
    "derivatives/preprocessed/preprocessed_P1-epo-1.fif": b"P1 more",
    "derivatives/preprocessed/preprocessed_P2-epo.fif": b"P2",
    "derivatives/preprocessed/preprocessed_P1.mat": b"not wanted",
    "sub-BIGMEG1/ses-01/meg/a_meg.ds/a.meg4": b"signal",
    "sub-BIGMEG1/ses-01/meg/a_events.tsv": b"events",
    "sub-BIGMEG1/ses-01/meg/._a_events.tsv": b"not wanted",
    "sub-BIGMEG2/ses-01/meg/a_events.tsv": b"events 2",
    "sub-BIGMEG1/ses-mri/anat/a_T1w.nii.gz": b"not wanted",
}


def put_online(host):
    """Serve all of them."""
    host.serve_osf("crxs4", {"osfstorage": {}, "googledrive": RAW}, hashes=("md5",))
    host.serve_osf("y63gw", {"osfstorage": IMAGES})
    host.serve_osf("anp5v", {"osfstorage": PREPROCESSED})
    host.serve_nemar("nm000232/v1.1.0", EEG_BIDS, in_git={"README.md", "participants.tsv"})
    host.serve_s3({f"ds004212/{path}": content for path, content in MEG.items()}, pieces={"ds004212/README"})
