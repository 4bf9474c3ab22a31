"""The image catalogue: which images a study has, whatever its layout."""

from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.recordings.params import StudyParams
from pipeline_lib.stimuli.image_list import read_image_list
from pipeline_lib.stimuli.image_set import read_image_set


def read_catalogue(study: StudyParams) -> StimulusTable:
    """The stimulus table of a study.

    Parameters
    ----------
    study : StudyParams
        `layout` says how `stimuli` and `images` are read.

    Returns
    -------
    StimulusTable

    Raises
    ------
    InputError
        As :func:`~pipeline_lib.stimuli.image_set.read_image_set` (layout ``things-eeg2``) and
        :func:`~pipeline_lib.stimuli.image_list.read_image_list` (layout ``arrays``) say.
    """
    if study.layout == "arrays":
        return read_image_list(study.stimuli)
    return read_image_set(study.stimuli, study.images)
