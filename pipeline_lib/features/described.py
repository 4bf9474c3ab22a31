"""What goes into the header of a feature bank so that :mod:`pipeline_lib.features.record` finds it there."""

import json
from collections.abc import Sequence
from pathlib import Path

from pipeline_lib.features.params import STORED, FeaturesParams
from pipeline_lib.stimuli.made_views import MADE_VIEWS
from pipeline_lib.stimuli.params import ViewsParams
from pipeline_lib.stimuli.views import open_views


def source_described(params: FeaturesParams) -> dict[str, str]:
    """The model as params.yaml names it, and the type of the stored features."""
    return {"model": params.model, "models": params.models.as_posix(), "dtype": params.dtype}


def made_views_described(views: Sequence[str], params: ViewsParams) -> dict[str, str]:
    """Section `views`; nothing where none of the views is made by it."""
    return {"views": params.model_dump_json()} if any(view in MADE_VIEWS for view in views) else {}


def stored_view_described(views: Sequence[str], store: Path) -> dict[str, str]:
    """Section `vse` of the stored view; nothing where it is not asked for, or the store does not say it."""
    if STORED not in views:
        return {}
    with open_views(store) as opened:
        return {} if opened.made_with is None else {"vse": json.dumps(opened.made_with)}
