"""The image catalogue: which images a study has, whatever its layout."""

from collections.abc import Callable

from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.recordings.params import StudyParams
from pipeline_lib.stimuli.image_list import read_bids_images, read_image_list
from pipeline_lib.stimuli.image_set import check_files, read_image_set
from pipeline_lib.stimuli.meg_images import read_meg_images


def read_catalogue(study: StudyParams) -> StimulusTable:
    """The stimulus table of a study.

    Parameters
    ----------
    study : StudyParams
        `layout` says how `stimuli` and `images` are read.

    Returns
    -------
    StimulusTable
        Unless `study.closed_set`, no concept is in both training and test.

    Raises
    ------
    InputError
        As the functions of :data:`CATALOGUES` say.
    """
    return CATALOGUES[study.layout](study)


def _things_eeg2(study: StudyParams) -> StimulusTable:
    return read_image_set(study.stimuli, study.images, closed_set=study.closed_set)


def _arrays(study: StudyParams) -> StimulusTable:
    return read_image_list(study.stimuli, closed_set=study.closed_set)


def _bids(study: StudyParams) -> StimulusTable:
    table = read_bids_images(study) if study.stimuli.is_dir() else _arrays(study)
    check_files(table, study.images)
    return table


CATALOGUES: dict[str, Callable[[StudyParams], StimulusTable]] = {
    "things-eeg2": _things_eeg2,
    "things-eeg2-preprocessed": _things_eeg2,
    "things-eeg2-bids": _things_eeg2,
    "things-meg-bids": read_meg_images,
    "things-meg-epochs": read_meg_images,
    "bids": _bids,
    "arrays": _arrays,
}
