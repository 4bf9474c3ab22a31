"""The user's own features in place of a model: features.npy, and images.txt that names the image of each row."""

from pathlib import Path

import numpy as np

from pipeline_lib.captioning.table import CaptionTable
from pipeline_lib.common.errors import InputError, bad_value
from pipeline_lib.common.image_names import match_image_names
from pipeline_lib.common.joins import rows_of
from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.features.described import source_described
from pipeline_lib.features.params import FeaturesParams
from pipeline_lib.features.record import SUPPLIED
from pipeline_lib.features.source import FeatureRows, FeatureSource

FEATURES, IMAGES = "features.npy", "images.txt"
DATASET = "raw/final"


def is_supplied(folder: Path) -> bool:
    """Whether `folder` holds ready features rather than a model."""
    return (Path(folder) / FEATURES).exists()


def supplied_source(params: FeaturesParams, stimuli: StimulusTable, *, captions: CaptionTable) -> FeatureSource:
    """Prepare the user's features as view ``raw``, layer ``final``.

    Raises
    ------
    InputError
        If another view or layer is asked for, there are captions (nothing can encode them), or the features are
        unusable or do not name every image of the study.
    """
    check_asked(params, has_captions=bool(len(captions)))
    features = read_supplied(params.weights, stimuli)
    attributes = {
        **source_described(params),
        "architecture": SUPPLIED,
        "normalization": "as supplied",
        "preprocessing": "as supplied",
        "captions": "none",
    }
    return FeatureSource(attributes, iter([FeatureRows(DATASET, 0, features)]))


def check_asked(params: FeaturesParams, *, has_captions: bool) -> None:
    """Refuse what ready features cannot give: other views and layers, and features of captions.

    Raises
    ------
    InputError
        Naming the parameter.
    """
    where = f"{params.weights} (features.models, features.model) holds ready features"
    if list(params.views) != ["raw"]:
        raise bad_value("features.views", list(params.views), "[raw]", where=where)
    if list(params.layers) != ["final"]:
        raise bad_value("features.layers", list(params.layers), "[final]", where=where)
    if has_captions:
        raise InputError(f"{where}, so nothing can encode captions; set caption.source to none")


def read_supplied(folder: Path, stimuli: StimulusTable) -> np.ndarray:
    """The row of each image of the study, found by the image's name.

    Parameters
    ----------
    folder : Path
        Holds features.npy, shape (n_rows, dim), numbers of any kind, and images.txt, one image name a line.
    stimuli : StimulusTable
        Every row must name one of its images.

    Returns
    -------
    ndarray of float32, shape (len(stimuli), dim)
    """
    features = _read_matrix(Path(folder) / FEATURES)
    names = _read_names(Path(folder) / IMAGES)
    if len(names) != len(features):
        raise InputError(f"{folder}: {FEATURES} has {len(features)} rows, but {IMAGES} names {len(names)} images")
    where, image_ids = str(Path(folder) / IMAGES), stimuli.frame["image_id"].tolist()
    rows = rows_of(image_ids, match_image_names(names, image_ids, what=where), what=where)
    return np.asarray(features[rows], dtype=np.float32)


def _read_matrix(path: Path) -> np.ndarray:
    try:
        features = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"{path}: not a plain npy array ({error}); save it with numpy.save") from None
    if not isinstance(features, np.ndarray) or features.ndim != 2 or features.dtype.kind not in "fiu":
        raise InputError(f"{path}: must be one array of numbers of shape (n_images, dim), {_shown(features)}")
    return features


def _shown(found: object) -> str:
    return f"is {found.dtype} of shape {found.shape}" if isinstance(found, np.ndarray) else f"is {type(found).__name__}"


def _read_names(path: Path) -> list[str]:
    try:
        return [name.strip() for name in path.read_text(encoding="utf-8-sig").rstrip().split("\n")]
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file; it must name the image of each row of {FEATURES}, one a line"
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text: {error}") from None
