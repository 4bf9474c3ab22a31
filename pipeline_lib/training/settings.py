"""The sections of params.yaml that both training stages read."""

from dataclasses import dataclass
from pathlib import Path

from pipeline_lib.common.params import load_section
from pipeline_lib.encoders.params import EncoderParams
from pipeline_lib.objectives.params import LossParams
from pipeline_lib.training.params import TargetParams, TrainParams


@dataclass(frozen=True)
class Settings:
    """Everything that defines a training run besides its data and its seed."""

    target: TargetParams
    encoder: EncoderParams
    loss: LossParams
    train: TrainParams

    def as_dict(self) -> dict:
        """Plain values, section by section."""
        return {name: getattr(self, name).model_dump(mode="json") for name in ("target", "encoder", "loss", "train")}


def load_settings(params_file: Path) -> Settings:
    """Validate the four sections of `params_file`."""
    return Settings(
        target=load_section(params_file, "target", TargetParams),
        encoder=load_section(params_file, "encoder", EncoderParams),
        loss=load_section(params_file, "loss", LossParams),
        train=load_section(params_file, "train", TrainParams),
    )
