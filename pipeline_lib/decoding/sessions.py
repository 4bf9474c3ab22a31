"""Which session of the model's own a recording is, by the name of its file."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline_lib.common.errors import InputError, bad_value
from pipeline_lib.recordings.fitted import Fitted


def session_of(file: Path, people: Mapping[str, Fitted], number: int | None, *, fitted: bool) -> tuple[str, int]:
    """Whose session a recording is, and its number.

    Parameters
    ----------
    file : Path
    people : mapping of str to Fitted
        Those the model was trained on, or the one among them who was recorded.
    number : int or None
        As the user says; None: as the file's name says, if it and its folders are those of a training recording.
    fitted : bool
        The session must be one of the model's, since what was fitted to it will be used.

    Returns
    -------
    subject : str
        Empty for a new session.
    number : int
        0 where it is not known.

    Raises
    ------
    InputError
        If `number` is none of the model's sessions although it must be, or it is unclear whose.
    """
    if number is None:
        found = set(_by_name(file, people))
        return found.pop() if len(found) == 1 else ("", 0)  # a file of several sessions is none of them
    if not fitted:
        return "", number
    if len(people) > 1:
        raise InputError(f"--session {number}: the model was trained on {len(people)} people; name one with --subject")
    ((subject, own),) = people.items()
    known = sorted({*own.sessions, *own.matrices})
    if number not in known:
        cure = "leave it out for a new session, or take --whitening recording"
        raise bad_value("--session", number, known, where=str(file), cure=cure)
    return subject, number


def _by_name(file: Path, people: Mapping[str, Fitted]) -> Iterator[tuple[str, int]]:
    parts = file.resolve().parts
    for subject, own in people.items():
        for number, names in own.sessions.items():
            for name in names:
                below = Path(name).parts
                # Other people's files are called the same, as far as the name does not tell whose they are.
                if parts[-len(below) - 1 :] == (subject, *below) or (parts[-1] == below[-1] and subject in below[-1]):
                    yield subject, number
