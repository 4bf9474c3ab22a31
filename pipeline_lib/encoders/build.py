"""From the parameters to a brain encoder; a new one is a file of its own, a line here, its name in `EncoderParams`."""

from pipeline_lib.encoders.atm import Atm
from pipeline_lib.encoders.base import Encoder
from pipeline_lib.encoders.flat import FlatEncoder
from pipeline_lib.encoders.params import EncoderParams
from pipeline_lib.encoders.tsconv import TSConv
from pipeline_lib.encoders.tsconv_ga import GraphAttentionTSConv
from pipeline_lib.encoders.tsconv_sa import SelfAttentionTSConv

ENCODERS: dict[str, type[Encoder]] = {
    "tsconv": TSConv,
    "tsconv-sa": SelfAttentionTSConv,
    "tsconv-ga": GraphAttentionTSConv,
    "atm": Atm,
    "flat": FlatEncoder,
}


def build_encoder(params: EncoderParams, n_channels: int, n_times: int, n_subjects: int = 1) -> Encoder:
    """Make the encoder that ``params.name`` names, with fresh weights from torch's random generator.

    Parameters
    ----------
    params : EncoderParams
    n_channels, n_times : int
        Shape of an epoch.
    n_subjects : int
        Training subjects, for encoders that tell them apart. Defaults to 1.

    Returns
    -------
    Encoder

    Raises
    ------
    InputError
        If the epochs are too short for the encoder, or have too few channels.
    """
    return ENCODERS[params.name].build(params, n_channels, n_times, n_subjects)
