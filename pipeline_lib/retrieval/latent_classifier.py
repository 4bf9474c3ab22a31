"""BraVL's retrieval: a support vector machine tells gallery items apart by their latents, and judges the brain's.

Each item is a class. Its examples are latents drawn from its posterior: given its image, its text, or both; both give
the even mixture of q(z | image), q(z | text) and their product, as in training. A query is the mean of q(z | brain)
(a reading: the released code draws it), its similarity to an item the decision function of the item's class: how many
duels with other classes the class wins, and by how far. With one example per item, that is the order of the distances.
``class-center`` makes examples of the other images of a concept, so many of each.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pipeline_lib.encoders.gaussians import Gaussian, mixture_of_products
from pipeline_lib.retrieval.galleries import Targets, concepts_of, text_of
from pipeline_lib.retrieval.matching import Matcher
from pipeline_lib.retrieval.metrics import SIMILARITY_DECIMALS
from pipeline_lib.retrieval.params import GalleryName
from pipeline_lib.training.bravl_params import ClassifierParams

JUDGED_AT_ONCE = 500


class LatentClassifier(Matcher):
    """Compare posteriors, as :class:`~pipeline_lib.training.bravl_model.BravlModel` embeds.

    Parameters
    ----------
    params : ClassifierParams
    seed : int
        Of the latents that are drawn, anew for each gallery.
    """

    def __init__(self, params: ClassifierParams, seed: int) -> None:
        self.params, self.seed = params, seed

    def match(self, queries: np.ndarray, targets: Targets, name: GalleryName) -> tuple[np.ndarray, np.ndarray]:
        """Fit the classifier on the gallery and judge the queries."""
        posteriors, items, relevant = gallery_posteriors(targets, name)
        latents = draw_latents(posteriors, self.params.samples, torch.Generator().manual_seed(self.seed))
        examples = latents.flatten(0, 1).double().numpy()
        means = _gaussian(queries).mean.double().numpy()
        similarity = self.decisions(examples, np.repeat(items, self.params.samples), means)
        return similarity.round(SIMILARITY_DECIMALS), relevant

    def decisions(self, examples: np.ndarray, classes: np.ndarray, queries: np.ndarray) -> np.ndarray:
        """The decision function of each class.

        Parameters
        ----------
        examples : ndarray, shape (n_examples, latent_dim)
        classes : ndarray of int, shape (n_examples,)
            0, 1, ...; none left out.
        queries : ndarray, shape (n_queries, latent_dim)

        Returns
        -------
        ndarray, shape (n_queries, n_classes)
        """
        if not classes.any():
            return np.zeros((len(queries), 1))
        from sklearn.svm import SVC

        machine = SVC(C=self.params.c, gamma=self.params.gamma, kernel="rbf", decision_function_shape="ovr")
        with warnings.catch_warnings():
            # One or two examples per class are meant, and no regression.
            warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
            machine.fit(examples, classes)
        # One column per pair of classes lies beneath: 20,000 for 200.
        parts = np.array_split(queries, -(-len(queries) // JUDGED_AT_ONCE))
        found = np.concatenate([machine.decision_function(part) for part in parts])
        return found if found.ndim == 2 else np.stack([-found, found], axis=1)


def gallery_posteriors(targets: Targets, name: GalleryName) -> tuple[Gaussian, np.ndarray, np.ndarray]:
    """What a gallery's examples are drawn from.

    Returns
    -------
    posteriors : Gaussian, shape (n_components, n_rows, latent_dim)
        Each row an even mixture.
    items : ndarray of int, shape (n_rows,)
        The gallery item of each row.
    relevant : ndarray of bool, shape (n_test, n_items)

    Raises
    ------
    InputError
        If the gallery needs captions or other images of a concept, and there are none.
    """
    if name == "class-center":
        concepts, relevant = concepts_of(targets)
        used = [row for row, concept in enumerate(targets.center_concepts) if concept in concepts]
        items = np.array([concepts.index(targets.center_concepts[row]) for row in used])
        return _joint([targets.center[used]]), items, relevant
    given = [targets.image] if name == "image" else [text_of(targets, name)]
    if name == "image+text":
        given = [targets.image, *given]
    n_items = len(targets.image)
    return _joint(given), np.arange(n_items), np.eye(n_items, dtype=bool)


def draw_latents(posteriors: Gaussian, count: int, generator: torch.Generator) -> Tensor:
    """`count` latents of each row, each of a component drawn for it; shape (n_rows, count, latent_dim)."""
    n_components, n_rows, latent_dim = posteriors.mean.shape
    component = torch.randint(n_components, (count, n_rows), generator=generator)
    noise = torch.randn(n_rows, count, latent_dim, generator=generator)
    drawn = [posteriors.chosen(of_sample).sample(noise[:, k]) for k, of_sample in enumerate(component)]
    return torch.stack(drawn, dim=1)


def _joint(given: Sequence[np.ndarray]) -> Gaussian:
    return mixture_of_products({str(k): _gaussian(embedded) for k, embedded in enumerate(given)})


def _gaussian(embedded: np.ndarray) -> Gaussian:
    return Gaussian(*torch.from_numpy(embedded).chunk(2, dim=1))
