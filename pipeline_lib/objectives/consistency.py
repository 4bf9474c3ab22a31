"""Consistency: paired features should point the same way, whatever the other items of the batch do."""

from torch import Tensor
from torch.nn.functional import cosine_similarity

from pipeline_lib.common.errors import check_embeddings


def consistency(a: Tensor, b: Tensor) -> Tensor:
    """1 − the mean over items i of cos(a_i, b_i): 0 for equal directions, 2 for opposite ones.

    With a the images and b their texts it is HMAVD's L_cos (equation 4). With a the adapted and b the original text
    features it is HMAVD's L_r (equation 7), which the paper prints as the cosine and calls a loss, but maximises.

    Parameters
    ----------
    a, b : Tensor, shape (n_items, dim)
        Row i of each belongs to item i; their lengths do not matter.

    Returns
    -------
    Tensor, shape ()

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    check_embeddings(a=a, b=b)
    return 1 - cosine_similarity(a, b, dim=1).mean()
