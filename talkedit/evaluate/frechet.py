"""The Frechet distance of two sets of features. Pure: the key of the number names the network they come from."""

import numpy as np

from talkedit.records import Doubles, Floats

LEAST_FRAMES = 2000  # with fewer, the covariances are those of the draw rather than of the pictures


def frechet_distance(prediction: Floats, truth: Floats) -> float:
    """|m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^0.5), the FID of two sets of features.

    Source: Heusel et al., GANs Trained by a Two Time-Scale Update Rule, 2017, equation 6.

    Args:
        prediction: (N, D), N at least 2.
        truth: (M, D), likewise.
    """
    (mean_a, cov_a), (mean_b, cov_b) = _moments(prediction), _moments(truth)
    # The trace of the root is the sum of the roots of the product's eigenvalues, which are real and not negative.
    roots = np.sqrt(np.clip(np.linalg.eigvals(cov_a @ cov_b).real, 0, None))
    return float(np.square(mean_a - mean_b).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * roots.sum())


def _moments(features: Floats) -> tuple[Doubles, Doubles]:
    values = features.astype(np.float64)
    return values.mean(axis=0), np.atleast_2d(np.cov(values, rowvar=False))
