"""Which part of the head a sensor lies over, by its name: what ablations of regions leave out.

- EEG, names of the 10-5 system: by their letters. Rows between two regions go where ablations of such caps mostly put
  them: AF to the frontal, FC to the central, CP to the parietal, PO to the occipital, FT and TP to the temporal
  sensors. Of three letters, such as FFC and FCC, the one that stands there twice decides.
- MEG of CTF, such as MLO11: by the third letter.
- MEG of Neuromag, such as MEG 0113: by MNE's selections of the Vectorview helmet; its vertex counts as central, and a
  sensor at the edge of it that another selection holds, too, belongs to the vertex.
"""

import re
from functools import cache

REGIONS = ("occipital", "parietal", "temporal", "central", "frontal")

LETTERS = {
    "frontal": ("NFP", "FP", "AFP", "AF", "AFF", "F", "FFC", "FFT"),
    "central": ("FCC", "FC", "C", "CCP"),
    "temporal": ("FTT", "FT", "T", "TTP", "TP"),
    "parietal": ("CPP", "CP", "P", "TPP", "PPO"),
    "occipital": ("POO", "PO", "O", "OI", "I"),
}
BY_LETTERS = {letters: region for region, rows in LETTERS.items() for letters in rows}
BY_CTF_LETTER = {region[0].upper(): region for region in REGIONS}
VECTORVIEW = {"Vertex": "central"} | {name: name for name in REGIONS if name != "central"}

EEG_NAME = re.compile(r"(?:EEG[ _-]?)?([A-Z]+?)(?:Z|10|[1-9])H?(?:[-. ].*)?")
CTF_NAME = re.compile(r"M[LRZ]([CFOPT])\d\d(?:-\d+)?")
NEUROMAG_NAME = re.compile(r"MEG ?(\d{4})")


def region_of(ch_name: str) -> str | None:
    """The region of a sensor, one of :data:`REGIONS`; None for one that none of the naming systems places.

    Parameters
    ----------
    ch_name : str
        In any case; an ``EEG`` in front and a reference or serial number behind it do not matter.
    """
    name = ch_name.strip().upper()
    if found := CTF_NAME.fullmatch(name):
        return BY_CTF_LETTER[found[1]]
    if found := NEUROMAG_NAME.fullmatch(name):
        return _vectorview().get(found[1])
    found = EEG_NAME.fullmatch(name)
    return BY_LETTERS.get(found[1]) if found else None


def regions_of(ch_names: list[str]) -> list[str | None]:
    """The region of each sensor; None for all where fewer than half have one.

    Other systems count sensors by letters and numbers, too, as caps of BioSemi from A1 to D32 or units of an implant,
    and a few of their names then look like those of electrodes.
    """
    found = [region_of(name) for name in ch_names]
    known = sum(region is not None for region in found)
    return found if 2 * known >= len(found) else [None] * len(found)


@cache
def _vectorview() -> dict[str, str]:
    """The region of each Neuromag sensor, by its four digits."""
    from mne import read_vectorview_selection

    found: dict[str, str] = {}
    for selection, region in VECTORVIEW.items():
        for name in read_vectorview_selection(selection, verbose="error"):
            found.setdefault(name.removeprefix("MEG").strip(), region)
    return found
