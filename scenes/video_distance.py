"""How far some videos are from the true ones, without looking at them pair by pair.

The Frechet distance between the Gaussians that fit the features of each set best, as in FID (Heusel
et al., arXiv 1706.08500) and FVD (Unterthiner et al., arXiv 1812.01717). Those take features from a
network that has to be downloaded. Ours are linear: the leading principal components of the true
videos' space-time patches, each in units of its standard deviation there. So figures compare only
with others of the same true videos, and not with published ones; for too few patches they are too
high, for all sets alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

SIDE, DEPTH = 8, 4
"""Pixels and frames of a patch."""
COMPONENTS = 64
LEAST = 1e-5
"""Components with a smaller share than this of the leading one's variance tell of rounding."""


@dataclass(frozen=True)
class Gaussian:
    """A mean [D] and a covariance [D, D], float64."""

    mean: Tensor
    covariance: Tensor


def gaussian(features: Tensor) -> Gaussian:
    """The Gaussian that fits features [N, D] best (the mean square, not N - 1)."""
    features = features.double()
    mean = features.mean(0)
    centred = features - mean
    return Gaussian(mean, centred.T @ centred / len(features))


def frechet(a: Gaussian, b: Gaussian) -> float:
    """|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a^1/2 C_b C_a^1/2)^1/2), at least 0.

    Source: Dowson and Landau, "The Frechet distance between multivariate normal distributions",
    Journal of Multivariate Analysis 1982.
    """
    values, vectors = torch.linalg.eigh(a.covariance)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    both = torch.linalg.eigvalsh(root @ b.covariance @ root).clamp(min=0).sqrt().sum()
    apart = (a.mean - b.mean).square().sum()
    spread = a.covariance.trace() + b.covariance.trace() - 2 * both
    return max(0.0, float(apart + spread))


def patches(video: Tensor) -> Tensor:
    """A video's patches, float64 [N, 3 * DEPTH * SIDE * SIDE], half over each other in space and
    time; a shorter video has shorter patches.

    Args:
        video: [F, 3, H, W] of at least SIDE x SIDE pixels.

    Raises:
        ValueError: for a smaller one.
    """
    frames, _, height, width = video.shape
    if min(height, width) < SIDE or frames < 1:
        raise ValueError(
            f"patches take a frame, and {SIDE} x {SIDE} pixels; this video has {frames} of "
            f"{width} x {height}"
        )
    depth = min(DEPTH, frames)
    cut = video.double().unfold(0, depth, max(1, depth // 2))
    cut = cut.unfold(2, SIDE, SIDE // 2).unfold(3, SIDE, SIDE // 2)
    # [times, 3, rows, columns, depth, SIDE, SIDE]
    return cut.movedim(1, 3).flatten(0, 2).flatten(1)


class PatchFeatures:
    """The leading principal components of some videos' patches, in their standard deviations.

    Args:
        videos: [F, 3, H, W] each, all of one number of frames.
        components: that are kept, at most.

    Raises:
        ValueError: for no videos, or videos that are all of one colour.
    """

    def __init__(self, videos: Sequence[Tensor], components: int = COMPONENTS) -> None:
        if not videos:
            raise ValueError("features are fitted to at least one video")
        fit = gaussian(torch.cat([patches(video) for video in videos]))
        values, vectors = torch.linalg.eigh(fit.covariance)
        values, vectors = values.flip(0)[:components], vectors.flip(1)[:, :components]
        if not float(values[0]) > 0:
            raise ValueError("videos without any contrast have no features")
        kept = values > LEAST * values[0]
        self.middle = fit.mean
        self.basis = vectors[:, kept] / values[kept].sqrt()

    def of(self, videos: Sequence[Tensor]) -> Gaussian:
        """The Gaussian of the features of some videos, of as many frames each."""
        return gaussian(torch.cat([(patches(each) - self.middle) @ self.basis for each in videos]))


def video_distance(
    videos: Sequence[Tensor], truth: Sequence[Tensor], features: PatchFeatures | None = None
) -> float:
    """The distance of some videos [F, 3, H, W] in 0..1 from the true ones; 0 for equal sets.

    Args:
        features: of the true videos, where they are there already.

    Raises:
        ValueError: where the videos' frames differ in number.
    """
    lengths = {len(video) for video in (*videos, *truth)}
    if len(lengths) != 1:
        raise ValueError(f"videos of one number of frames are compared, not of {sorted(lengths)}")
    features = features or PatchFeatures(truth)
    return frechet(features.of(videos), features.of(truth))
