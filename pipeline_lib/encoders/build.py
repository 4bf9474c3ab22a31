"""From the parameters to a brain encoder."""

from pipeline_lib.encoders.base import Encoder
from pipeline_lib.encoders.flat import FlatEncoder
from pipeline_lib.encoders.params import EncoderParams
from pipeline_lib.encoders.tsconv import TSConv


def build_encoder(params: EncoderParams, n_channels: int, n_times: int) -> Encoder:
    """Make the encoder that ``params.name`` names, with fresh weights from torch's random generator.

    Parameters
    ----------
    params : EncoderParams
    n_channels, n_times : int
        Shape of an epoch.

    Returns
    -------
    Encoder

    Raises
    ------
    InputError
        If the epochs are too short for the encoder.
    """
    if params.name == "flat":
        return FlatEncoder(n_channels, n_times)
    return TSConv(n_channels, n_times, dropout=params.dropout)
