"""The presets that ship, by kind."""

from pipeline_lib.commands.preset import preset_names

EVERY = preset_names()
STUDIES = {"arrays", "bids", "phantom-meg", "things-eeg2", "things-eeg2-17", "things-meg"}
SYSTEMS = {name for name in EVERY if name not in STUDIES | {"phantom", "quick", "one-subject", "mcdb"}}
