"""What a feature bank says about how it was made, so that other images can be encoded alike.

Training and evaluation read it: nothing here needs what makes features. The bank keeps texts only; sections of
params.yaml are JSON in them.
"""

import json
from typing import Any

from pipeline_lib.common.errors import InputError
from pipeline_lib.features.bank import FeatureBank

SUPPLIED = "supplied"  # the architecture of a user's own features: there is no model, no other image can be encoded
TEXTS, SECTIONS = ("model", "models", "architecture", "revision", "dtype", "preprocessing"), ("vse", "views")


def record_of(bank: FeatureBank) -> dict[str, Any]:
    """What is needed to encode other images as those of a bank.

    Returns
    -------
    dict
        ``model`` (its role), ``models`` (the folder of the roles, as params.yaml had it), ``architecture``
        (:data:`SUPPLIED` where there is no model), ``revision``, ``dtype``, ``preprocessing``: texts; ``vse`` and
        ``views``: sections of params.yaml. None where a bank does not say it, or has no such view.

    Raises
    ------
    InputError
        If a section is none.
    """
    texts = {name: None if name not in bank.attributes else str(bank.attributes[name]) for name in TEXTS}
    return {**texts, **{name: _section(bank, name) for name in SECTIONS}}


def _section(bank: FeatureBank, name: str) -> dict[str, Any] | None:
    if name not in bank.attributes:
        return None
    try:
        values = json.loads(bank.attributes[name])
    except (ValueError, TypeError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise InputError(f"{bank.path}: attribute {name} is no section of params.yaml; run 'dvc repro features' again")
    return values
