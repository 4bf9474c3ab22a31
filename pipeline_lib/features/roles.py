"""Models are named by the role they play (``clip-l14``); a role is a folder below ``features.models``.

The folder holds a model, or only a model.yaml that hands the role to another one beside it, as the phantom does with
all roles of the published systems:

    kind: alias
    of: slip-b16
    sha256: 9f86d0...      # of that model's weights: DVC sees by it that they are others now
"""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field

from pipeline_lib.common.digests import digest_of_files
from pipeline_lib.common.errors import InputError
from pipeline_lib.common.params import Section, read_params, validated
from pipeline_lib.features.card import CARD, read_card, weight_files

ROLE = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


class Alias(Section):
    """The content of a model.yaml that hands its role to another folder.

    Attributes
    ----------
    kind : "alias"
    of : str
        The role of the model that plays this one too.
    sha256 : str
        Of that model's weights, in hexadecimal.
    """

    kind: Literal["alias"]
    of: Annotated[str, Field(pattern=ROLE)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def player_of(folder: Path) -> Path:
    """The folder whose model plays the role of `folder`: the folder itself, or the one that its alias names.

    Raises
    ------
    InputError
        If the alias is not valid, names another alias, or its model has other weights by now.
    """
    card = Path(folder) / CARD
    content = read_params(card) if card.is_file() else {}
    if content.get("kind") != "alias":
        return folder
    alias = validated({"model": content}, "model", Alias, where=str(card))
    player = Path(folder).parent / alias.of
    if _digest(player) != alias.sha256:
        raise InputError(
            f"{card}: the weights of {player} are others than when this alias was made; make it anew, for the phantom "
            "with 'dvc repro phantom-roles'"
        )
    return player


def write_alias(folder: Path, of: Path) -> None:
    """Hand the role of `folder`, which must not exist, to the model in the folder `of` beside it."""
    alias = Alias(kind="alias", of=of.name, sha256=_digest(of))
    folder.mkdir(parents=True)
    (folder / CARD).write_text(yaml.safe_dump(alias.model_dump(), sort_keys=False), encoding="utf-8")


def _digest(folder: Path) -> str:
    return digest_of_files(weight_files(folder, read_card(folder)))
