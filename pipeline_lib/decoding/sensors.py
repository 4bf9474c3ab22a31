"""The model's channels in a recording: found by name, whatever their order, and never taken for others in silence."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline_lib.common.errors import InputError, listed
from pipeline_lib.recordings.channels import MEG_TYPES
from pipeline_lib.recordings.recording import Header

FORMER = {"t3": "t7", "t4": "t8", "t5": "p7", "t6": "p8"}  # names of the 10-20 system before the 10-10 system
AROUND = re.compile(r"^(?:eeg[ _-]*)?(.*?)(?:[ _-]+(?:ref|le|avg|av))?[ .]*$")
KINDS = {"eeg": "EEG", "meg": "MEG"}


@dataclass(frozen=True)
class Found:
    """The model's channels in a recording.

    Attributes
    ----------
    rows : mapping of str to int
        The recording's row of each channel that is there, in the model's order.
    respelt : mapping of str to str
        Those that the recording spells otherwise, and how.
    missing : list of str
        Those that are not there.
    """

    rows: Mapping[str, int]
    respelt: Mapping[str, str]
    missing: list[str]


def find_channels(ch_names: Sequence[str], ch_types: Sequence[str], header: Header, *, file: Path) -> Found:
    """Look for the model's channels.

    A name that is not there is looked for under other common spellings: in another case, with blanks or dots around it,
    ``EEG`` before or ``-REF`` behind it, T3 for T7 (T4, T5, T6 likewise), and of MEG sensors without the number of the
    site behind the dash.

    Parameters
    ----------
    ch_names, ch_types : sequence of str
        The model's, types in MNE's words; empty where they are not known.
    header : Header
        The recording's.
    file : Path
        For errors.

    Raises
    ------
    InputError
        If the recording is of another kind of sensor, two channels have the same name, or none is the model's.
    """
    check_kind(ch_types, header, file)
    doubled = [name for name, count in Counter(header.ch_names).items() if count > 1 and name in set(ch_names)]
    if doubled:
        raise InputError(f"{file}: channel names stand there more than once: {listed(doubled)}; rename the others")
    exact = {name: row for row, name in enumerate(header.ch_names)}
    other = _other_spellings([name for name in header.ch_names if name not in set(ch_names)])
    respelt = {name: other[_plain(name)] for name in ch_names if name not in exact and _plain(name) in other}
    there = {name: exact[respelt.get(name, name)] for name in ch_names if name in exact or name in respelt}
    if not there:
        raise InputError(
            f"{file}: none of the model's {len(ch_names)} channels ({listed(ch_names)}) is there; the recording has: "
            f"{listed(header.ch_names)}; decode a recording of the same sensors, or rename its channels"
        )
    _check_types(dict(zip(ch_names, ch_types, strict=False)), there, header, file)
    return Found(there, respelt, [name for name in ch_names if name not in there])


def missing_line(found: Found, header: Header, *, most: int) -> str:
    """What to say of channels that are missing, and what to do."""
    total = len(found.rows) + len(found.missing)
    several = len(found.missing) > 1
    said = f"{len(found.missing)} of the model's {total} channels {'are' if several else 'is'} missing: "
    if len(found.missing) > most:
        cure = f"at most {most} could be interpolated"
    else:
        cure = "have them interpolated with --interpolate"
    used = set(found.rows.values())
    others = [name for row, name in enumerate(header.ch_names) if row not in used]
    cure = f"rename them, if they are among {listed(others)}, or {cure}" if others else cure
    return f"{said}{listed(found.missing, most=10)}; {cure}"


def kinds_of(ch_types: Sequence[str]) -> set[str]:
    """EEG, MEG or both; types that are neither tell nothing."""
    found = {"meg" if kind in MEG_TYPES else kind for kind in ch_types}
    return {kind for kind in found if kind in KINDS}


def check_kind(ch_types: Sequence[str], header: Header, file: Path) -> None:
    """Refuse a recording of another kind of sensor than the model's; parameters as :func:`find_channels` has them."""
    wanted, there = kinds_of(ch_types), kinds_of(header.ch_types)
    if wanted and there and not wanted & there:
        model, recording = (" and ".join(KINDS[kind] for kind in sorted(kinds)) for kinds in (wanted, there))
        raise InputError(
            f"{file}: the model was trained on {len(ch_types)} channels of {model}, the recording has "
            f"{len(header.ch_types)} of {recording}; decode a recording of the same sensors"
        )


def _check_types(wanted: Mapping[str, str], there: Mapping[str, int], header: Header, file: Path) -> None:
    for name, row in there.items():
        kind, found = wanted.get(name, "misc"), header.ch_types[row]
        if {kind, found} <= {"eeg", *MEG_TYPES} and kind != found:
            raise InputError(
                f"{file}: channel {name} is of type {found}, but the model's is of type {kind}: another sensor of the "
                "same name; decode a recording of the same sensors"
            )


def _other_spellings(names: Sequence[str]) -> dict[str, str]:
    """The recording's names by what they plainly say; a current name goes before a former one."""
    plain = {name: _plain(name) for name in names}
    counts = Counter(plain.values())
    found = {FORMER[said]: name for name, said in plain.items() if said in FORMER and counts[said] == 1}
    return found | {said: name for name, said in plain.items() if counts[said] == 1}


def _plain(name: str) -> str:
    """What a name says whatever its spelling; of MEG sensors what stands before the dash."""
    said = AROUND.match(name.strip().lower())[1].strip()
    return said.split("-")[0] if re.match(r"m[lrz][cfopt]\d\d-", said) else re.sub(r"^meg[ _]+", "meg", said)
