"""What scikit-learn's discriminant analysis calls shrinkage "auto", one matrix at a time."""

from sklearn.covariance import ledoit_wolf
from sklearn.preprocessing import StandardScaler


def plain_shrunk(x):
    """Shrinkage "auto" of scikit-learn's discriminant analysis; x has shape (n_samples, n_channels)."""
    scaler = StandardScaler()
    covariance, _ = ledoit_wolf(scaler.fit_transform(x))
    return scaler.scale_[:, None] * covariance * scaler.scale_[None, :]
