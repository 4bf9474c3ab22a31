"""Names by which people call images: ids, paths, file names or stems, as long as they are unambiguous."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from pipeline_lib.common.errors import InputError, listed


def match_image_names(names: Sequence[str], image_ids: Sequence[str], *, what: str) -> list[str]:
    """The image id that each name stands for.

    A name matches an id that it equals, with or without a file extension; else the ids with which it agrees on the
    last parts of the path: ``cat_01.jpg``, ``cat_01`` and ``/data/images/train/cat_01.jpg`` all match ``train/cat_01``,
    ``test/cat_01.jpg`` does not. Backslashes separate like slashes.

    Parameters
    ----------
    names : sequence of str
        May repeat.
    image_ids : sequence of str
        Of the stimulus table: paths without extension.
    what : str
        Where the names stand, for errors (``"data/raw/study/sub-01/trials.csv"``).

    Returns
    -------
    list of str
        As long as `names`.

    Raises
    ------
    InputError
        Naming the names that match no image, or the first that matches more than one, and which.
    """
    known = possible_images(names, image_ids)
    if missing := [name for name, found in known.items() if not found]:
        raise InputError(f"{what}: {len(missing)} images are not in the stimulus table: {listed(missing)}")
    for name, found in known.items():
        if len(found) > 1:
            raise InputError(f"{what}: image {name!r} could be any of {listed(found)}; give its folder too")
    return [known[name][0] for name in names]


def possible_images(names: Sequence[str], image_ids: Sequence[str]) -> dict[str, list[str]]:
    """The image ids that each name may stand for, as :func:`match_image_names` has it: none, one or several."""
    by_stem: dict[str, list[str]] = defaultdict(list)
    for image_id in image_ids:
        by_stem[PurePosixPath(image_id).name].append(image_id)
    return {name: _candidates(name, by_stem) for name in dict.fromkeys(names)}


def _candidates(name: str, by_stem: dict[str, list[str]]) -> list[str]:
    path = PurePosixPath(name.strip().replace("\\", "/"))
    for form in (path, path.with_suffix("")) if path.suffix else (path,):
        found = [image_id for image_id in by_stem.get(form.name, ()) if _agree(form, PurePosixPath(image_id))]
        if str(form) in found:
            return [str(form)]
        if found:
            return found
    return []


def _agree(one: PurePosixPath, other: PurePosixPath) -> bool:
    """True if the shorter path is how the longer one ends."""
    shared = min(len(one.parts), len(other.parts))
    return one.parts[-shared:] == other.parts[-shared:]
