"""The studies that can be fetched: where each lies, under which licence, and into which layout its files go.

Addresses of datasets, never of files: those come from the host's listing (`listings.py`).
"""

from dataclasses import dataclass

from pipeline_lib.common.errors import InputError, bad_value, did_you_mean, listed

IMAGE_TERMS = "research only, no redistribution: the copyright is the photographers' (LICENSE.txt, fetched with them)"
THINGS_PAGE = "https://osf.io/jum2f/"


@dataclass(frozen=True)
class Part:
    """Some files of a dataset.

    Attributes
    ----------
    name : str
        As in ``--parts``.
    host, dataset : str
        As :func:`~pipeline_lib.fetching.listings.list_files` takes them.
    files : str
        Regular expression for the whole path of a file; group ``subject`` for files of one subject.
    target : str
        Where a file goes, or an archive's folder. ``{path}`` stands for the file's path, ``{place}`` for its name
        (an archive's without suffix), ``{subject}`` for the group of `files`.
    page : str
        For people.
    licence : str
        Of these files.
    holds : tuple of str
        Given for archives: patterns for what lies directly in the folder that becomes `target`.
    asked_for : bool
        Fetched only when named in ``--parts``.
    """

    name: str
    host: str
    dataset: str
    files: str
    target: str
    page: str
    licence: str
    holds: tuple[str, ...] = ()
    asked_for: bool = False

    @property
    def folder(self) -> str:
        """Below what all its files are put; empty for the folder of the study."""
        return self.target.partition("{")[0]


@dataclass(frozen=True)
class Study:
    """A published study.

    Attributes
    ----------
    name, title : str
        The first as on the command line.
    layout : str
        Its ``study.layout``.
    parts : tuple of Part
        What can be fetched.
    images, stimuli : str
        ``study.images`` and ``study.stimuli`` below the folder; empty where they are not among the parts.
    elsewhere : tuple of str
        What cannot be fetched, and where to get it.
    """

    name: str
    title: str
    layout: str
    parts: tuple[Part, ...]
    images: str = ""
    stimuli: str = ""
    elsewhere: tuple[str, ...] = ()


def _osf(name: str, node: str, files: str, target: str, **more: object) -> Part:
    more = {"licence": "CC BY 4.0", **more}
    return Part(name, "osf", node, rf"(?:.*/)?{files}", target, f"https://osf.io/{node}/", **more)


def _openneuro(name: str, files: str, target: str = "{path}") -> Part:
    return Part(name, "openneuro", "ds004212", files, target, "https://openneuro.org/datasets/ds004212", "CC0")


def _nemar(name: str, files: str, target: str = "{path}", **more: object) -> Part:
    more = {"licence": "CC BY 4.0", **more}
    return Part(name, "nemar", "nm000232/v1.1.0", files, target, "https://doi.org/10.82901/nemar.nm000232", **more)


EEG2_IMAGES = (
    _osf("image-list", "y63gw", r"image_metadata\.npy", "image_set/{place}"),
    _osf(
        "images",
        "y63gw",
        r"(?:(?:training|test)_images\.zip|LICENSE\.txt)",
        "image_set/{place}",
        licence=IMAGE_TERMS,
        holds=("[0-9][0-9][0-9][0-9][0-9]_*",),
        asked_for=True,
    ),
)
MEG_IMAGES = f"the images: THINGS database, {THINGS_PAGE} (free for research, behind a password given with its terms)"
STUDIES = {
    study.name: study
    for study in (
        Study(
            "things-eeg2",
            "THINGS-EEG2, raw recordings as their authors share them",
            "things-eeg2",
            (
                _osf("recordings", "crxs4", r"(?P<subject>sub-\d+)\.zip", "{subject}", holds=("ses-*",)),
                *EEG2_IMAGES,
            ),
            images="image_set",
            stimuli="image_set",
            elsewhere=("a second copy of the recordings: https://doi.org/10.25452/figshare.plus.18470912 (browser)",),
        ),
        Study(
            "things-eeg2-preprocessed",
            "THINGS-EEG2, epochs as their authors share them",
            "things-eeg2-preprocessed",
            (
                _osf(
                    "recordings",
                    "anp5v",
                    r"(?!.*63.?ch)(?P<subject>sub-\d+)\.zip",
                    "{subject}",
                    holds=("preprocessed_eeg_*",),
                ),
                _nemar(
                    "63-channels",
                    r"derivatives/preprocessed_eeg/(?P<subject>sub-\d+)__63_channels\.zip",
                    "63-channels/{subject}",
                    holds=("preprocessed_eeg_*",),
                    asked_for=True,
                ),
                *EEG2_IMAGES,
            ),
            images="image_set",
            stimuli="image_set",
        ),
        Study(
            "things-eeg2-bids",
            "THINGS-EEG2 as BIDS",
            "things-eeg2-bids",
            (
                _nemar("recordings", r"(?P<subject>sub-\d+)/(?:ses-\w+/)?(?:eeg/)?[^/]+|(?!\.)[^/]+"),
                _nemar("image-list", r"stimuli/(?:image_metadata\.npy|stimuli\.(?:tsv|json))"),
                _nemar(
                    "images",
                    r"stimuli/(?:(?:training|test)_images\.zip|LICENSE\.txt)",
                    "stimuli/{place}",
                    licence=IMAGE_TERMS,
                    holds=("[0-9][0-9][0-9][0-9][0-9]_*",),
                    asked_for=True,
                ),
            ),
            images="stimuli",
            stimuli="stimuli",
        ),
        Study(
            "things-meg-bids",
            "THINGS-MEG as BIDS (CTF)",
            "things-meg-bids",
            (
                _openneuro("recordings", r"(?P<subject>sub-\w+)/(?:ses-\w+/)?(?:meg/.+|[^/]+)|(?!\.)[^/]+"),
                _openneuro("image-list", r"sourcedata/[^/]+\.(?:csv|tsv)"),
            ),
            stimuli=".",
            elsewhere=(MEG_IMAGES,),
        ),
        Study(
            "things-meg-epochs",
            "THINGS-MEG, epochs as their authors share them",
            "things-meg-epochs",
            (
                _openneuro(
                    "recordings",
                    r"derivatives/preprocessed/preprocessed_(?P<subject>P\d+)-epo(?:-\d+)?\.fif",
                    "{subject}/{place}",
                ),
                _openneuro("image-list", r"sourcedata/[^/]+\.(?:csv|tsv)"),
                _openneuro("events", r"sub-\w+/(?:ses-\w+/)?meg/[^/]+_events\.tsv", "sourcedata/{path}"),
            ),
            stimuli="sourcedata",
            elsewhere=(MEG_IMAGES,),
        ),
    )
}


def find_study(name: str) -> Study:
    """The study of a name.

    Raises
    ------
    InputError
        Naming those there are.
    """
    if name not in STUDIES:
        raise bad_value("STUDY", name, STUDIES, cure=did_you_mean(name, STUDIES) or "'trialign fetch' tells of them")
    return STUDIES[name]


def choose_parts(study: Study, names: str) -> tuple[Part, ...]:
    """The parts of a study that are named, with commas between; without names, those that need no asking.

    Raises
    ------
    InputError
        Naming those there are.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = [part.name for part in study.parts]
    for name in wanted:
        if name not in known:
            raise InputError(f"--parts {names}: {study.name} has no part {name!r}, only {listed(known)}")
    return tuple(part for part in study.parts if (part.name in wanted if wanted else not part.asked_for))
