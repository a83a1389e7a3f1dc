"""How far the values of a matte are off: MAD, MSE, SAD."""

from __future__ import annotations

from paddleseg_u2net.metrics.map_mask_pair import MapMaskPair
from paddleseg_u2net.metrics.metric import MatteMetric
from paddleseg_u2net.metrics.scores import Score, register

PER_PIXEL = 1e3  # what means over pixels are multiplied by, and sums divided by


@register(
    Score(
        "MAD",
        "matting",
        "mean absolute difference x 1000",
        "of the alpha itself; mean over images",
        "Lin et al. 2021",
        higher_is_better=False,
        also_called=("meanabsolutedifference", "meanabsolutedeviation"),
    ),
    order=10,
)
class MeanAbsoluteDifference(MatteMetric):
    """1000 times the mean over pixels of abs(matte - alpha), then mean over images.

    Source: Lin et al. 2021, "Real-Time High-Resolution Background Matting", CVPR; the factor is
    that of its authors' code and of "Robust High-Resolution Video Matting". Other papers print the
    mean itself.
    """

    def score(self, pair: MapMaskPair) -> float:
        return PER_PIXEL * float(abs(pair.matte_error).sum()) / pair.valid_pixels


@register(
    Score(
        "MSE",
        "matting",
        "mean squared error x 1000",
        "of the alpha itself; mean over images",
        "Rhemann et al. 2009",
        higher_is_better=False,
        also_called=("meansquarederror", "meansquareerror"),
    ),
    order=11,
)
class MeanSquaredError(MatteMetric):
    """1000 times the mean over pixels of (matte - alpha)^2, then mean over images.

    Source: Rhemann et al. 2009, "A Perceptually Motivated Online Benchmark for Image Matting",
    CVPR, sec. 5; the factor as for MAD.
    """

    def score(self, pair: MapMaskPair) -> float:
        return PER_PIXEL * float((pair.matte_error**2).sum()) / pair.valid_pixels


@register(
    Score(
        "SAD",
        "matting",
        "sum of absolute differences / 1000",
        "grows with the image's size",
        "Rhemann et al. 2009",
        higher_is_better=False,
        also_called=("sumofabsolutedifferences", "sumabsolutedifferences"),
    ),
    order=12,
)
class SumOfAbsoluteDifferences(MatteMetric):
    """Sum over pixels of abs(matte - alpha), divided by 1000, then mean over images.

    Source: Rhemann et al. 2009, sec. 5; divided as everywhere since Xu et al. 2017, "Deep Image
    Matting". Theirs is over the unknown pixels of a trimap, this one over the whole image.
    """

    def score(self, pair: MapMaskPair) -> float:
        return float(abs(pair.matte_error).sum()) / PER_PIXEL
