"""The layouts by name: a new one is a module with a constant ``LAYOUT`` and one line here."""

from pipeline_lib.common.errors import bad_value
from pipeline_lib.recordings import (
    arrays,
    bids,
    things_eeg2,
    things_eeg2_bids,
    things_eeg2_preprocessed,
    things_meg_bids,
    things_meg_epochs,
)
from pipeline_lib.recordings.recording import Layout

LAYOUTS: dict[str, Layout] = {
    "things-eeg2": things_eeg2.LAYOUT,
    "things-eeg2-preprocessed": things_eeg2_preprocessed.LAYOUT,
    "things-eeg2-bids": things_eeg2_bids.LAYOUT,
    "things-meg-bids": things_meg_bids.LAYOUT,
    "things-meg-epochs": things_meg_epochs.LAYOUT,
    "bids": bids.LAYOUT,
    "arrays": arrays.LAYOUT,
}


def layout_of(name: str) -> Layout:
    """The layout of that name; an InputError lists the known ones."""
    if name not in LAYOUTS:
        raise bad_value("layout", name, LAYOUTS)
    return LAYOUTS[name]
