"""The sections of params.yaml that both training stages read."""

from dataclasses import dataclass
from pathlib import Path

from pipeline_lib.common.params import load_section
from pipeline_lib.encoders.params import EncoderParams
from pipeline_lib.objectives.params import LossParams
from pipeline_lib.training.bravl_params import BravlParams, check_bravl
from pipeline_lib.training.params import TargetParams, TrainParams


@dataclass(frozen=True)
class Settings:
    """Everything that defines a training run besides its data and its seed.

    Raises
    ------
    InputError
        If sections do not go together.
    """

    target: TargetParams
    encoder: EncoderParams
    loss: LossParams
    train: TrainParams
    bravl: BravlParams

    def __post_init__(self) -> None:
        check_bravl(self.bravl, self.target, self.encoder, self.loss)

    @property
    def kind(self) -> str:
        """The kind of model, :data:`pipeline_lib.training.models.MODELS`."""
        return "bravl" if self.bravl.enabled else "alignment"

    def as_dict(self) -> dict:
        """Plain values, section by section."""
        return {name: section.model_dump(mode="json") for name, section in vars(self).items()}


def load_settings(params_file: Path) -> Settings:
    """Validate the five sections of `params_file`."""
    return Settings(
        target=load_section(params_file, "target", TargetParams),
        encoder=load_section(params_file, "encoder", EncoderParams),
        loss=load_section(params_file, "loss", LossParams),
        train=load_section(params_file, "train", TrainParams),
        bravl=load_section(params_file, "bravl", BravlParams),
    )
