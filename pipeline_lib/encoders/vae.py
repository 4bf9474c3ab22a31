"""A variational autoencoder of vectors, and the network that guesses a latent from a reconstruction."""

from itertools import pairwise

from torch import Tensor, nn

from pipeline_lib.encoders.gaussians import Gaussian


def perceptron(in_dim: int, hidden: int, layers: int) -> nn.Sequential:
    """`layers` linear maps of `hidden` units, each with a ReLU behind it."""
    widths = [in_dim, *[hidden] * layers]
    return nn.Sequential(*(part for pair in pairwise(widths) for part in (nn.Linear(*pair), nn.ReLU())))


class Vae(nn.Module):
    """q(z | x) = N(μ(x), diag σ²(x)) and the mean of p(x | z), both of them perceptrons.

    Parameters
    ----------
    dim : int
        Width of x.
    latent_dim : int
        Width of z.
    hidden, layers : int
        Units and number of the hidden layers, of encoder and decoder alike.
    """

    def __init__(self, dim: int, latent_dim: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.encoder = perceptron(dim, hidden, layers)
        self.posterior = nn.Linear(hidden, 2 * latent_dim)
        self.decoder = nn.Sequential(*perceptron(latent_dim, hidden, layers), nn.Linear(hidden, dim))

    def encode(self, x: Tensor) -> Gaussian:
        """The posterior given x of shape (n_items, dim); shape (n_items, latent_dim), in the weights' type."""
        return Gaussian(*self.posterior(self.encoder(x)).to(self.posterior.weight.dtype).chunk(2, dim=-1))

    def decode(self, z: Tensor) -> Tensor:
        """Reconstruct from z of shape (..., latent_dim); shape (..., dim), in the weights' type."""
        return self.decoder(z).to(self.posterior.weight.dtype)


class LatentGuess(nn.Module):
    """The mean of Q(z | x̂), a perceptron with one hidden layer: what of a latent a reconstruction still tells.

    Parameters
    ----------
    dim, latent_dim, hidden : int
        Widths of x̂, z and the hidden layer.
    """

    def __init__(self, dim: int, latent_dim: int, hidden: int) -> None:
        super().__init__()
        self.network = nn.Sequential(*perceptron(dim, hidden, 1), nn.Linear(hidden, latent_dim))

    def forward(self, reconstruction: Tensor) -> Tensor:
        """Guess from reconstructions of shape (n_items, dim); shape (n_items, latent_dim), in the weights' type."""
        return self.network(reconstruction).to(self.network[-1].weight.dtype)
