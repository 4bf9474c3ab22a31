"""TSConv's moving mean where it cannot be computed once: of each batch, or of what the parameters made of it."""

from torch import Tensor
from torch.nn.functional import avg_pool1d, pad

from pipeline_lib.encoders.tsconv import POOL


def moving_mean(signals: Tensor) -> Tensor:
    """Mean over 51 samples at every sample, as :meth:`TSConv.prepare` takes it.

    On a CPU from running sums, a fifth of the pooling layer's time; on a device by that layer, whose sums always come
    out the same.

    Parameters
    ----------
    signals : Tensor, shape (n, n_channels, n_times) or (n_channels, n_times)

    Returns
    -------
    Tensor, shape (..., n_times - 50)
    """
    if signals.device.type != "cpu":
        return avg_pool1d(signals, POOL, stride=1)
    sums = pad(signals.cumsum(-1), (1, 0))
    return (sums[..., POOL:] - sums[..., :-POOL]) / POOL
