"""How the phantom's two models are trained (section `phantom_models` of params.yaml)."""

from pydantic import Field

from pipeline_lib.common.params import Section


class HeldOut(Section):
    """Combinations the models never see: as many as `concepts`, chosen with `seed` as the phantom's test concepts."""

    seed: int = Field(ge=0)
    concepts: int = Field(gt=0, lt=240)


class Training(Section):
    """Length and pace of one training."""

    steps: int = Field(gt=0)
    batch_size: int = Field(gt=1)
    learning_rate: float = Field(gt=0)


class PhantomModelsParams(Section):
    """Section `phantom_models`."""

    seed: int = Field(ge=0)
    held_out: HeldOut
    pictures: int = Field(gt=0)
    clip: Training
    blip2: Training
