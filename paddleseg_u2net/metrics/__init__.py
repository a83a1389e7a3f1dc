"""Scores of predictions against masks and fixations: NumPy arrays in, numbers out.

Every metric has ``update``, ``compute``, ``merge``, ``reset``, ``state`` and ``load_state``;
`MetricReport` computes any choice of them in one pass.
"""

from paddleseg_u2net.metrics.boundary import BoundaryIoU, MeanBoundaryAccuracy, RelaxedBoundaryF
from paddleseg_u2net.metrics.conventions import PRESETS, Conventions, make_conventions
from paddleseg_u2net.metrics.enhanced import EMeasure, EMeasureScores
from paddleseg_u2net.metrics.fixation.auc import AucBorji, AucJudd, ShuffledAuc
from paddleseg_u2net.metrics.fixation.density import (
    CorrelationCoefficient,
    KullbackLeiblerDivergence,
    NormalisedScanpathSaliency,
    Similarity,
)
from paddleseg_u2net.metrics.fixation.emd import EarthMoversDistance
from paddleseg_u2net.metrics.fixation.fixation_pair import FixationPair
from paddleseg_u2net.metrics.fixation.fixations import Fixations
from paddleseg_u2net.metrics.fixation.metric import FixationMetric
from paddleseg_u2net.metrics.fixation.other_fixations import OtherFixations
from paddleseg_u2net.metrics.map_mask_pair import Picture
from paddleseg_u2net.metrics.map_statistics import MapStatistics, map_statistics
from paddleseg_u2net.metrics.metric import (
    CurveMetric,
    MeanMetric,
    MeanOfImages,
    Metric,
    PictureMetric,
)
from paddleseg_u2net.metrics.normalise import STRETCHES
from paddleseg_u2net.metrics.ranking import (
    AveragePrecision,
    MeanRoc,
    MeanRocScores,
    RocAuc,
    RocAucScores,
)
from paddleseg_u2net.metrics.report import MetricReport, json_ready
from paddleseg_u2net.metrics.saliency import MAE, FMeasure, FMeasureScores
from paddleseg_u2net.metrics.scores import DEFAULT, FAMILIES, SCORES, Score, chosen
from paddleseg_u2net.metrics.segmentation import ConfusionMatrix, SegmentationScores
from paddleseg_u2net.metrics.structure import SMeasure
from paddleseg_u2net.metrics.weighted_f import WeightedFMeasure

__all__ = [
    "DEFAULT",
    "FAMILIES",
    "MAE",
    "PRESETS",
    "SCORES",
    "STRETCHES",
    "AucBorji",
    "AucJudd",
    "AveragePrecision",
    "BoundaryIoU",
    "ConfusionMatrix",
    "Conventions",
    "CorrelationCoefficient",
    "CurveMetric",
    "EMeasure",
    "EMeasureScores",
    "EarthMoversDistance",
    "FMeasure",
    "FMeasureScores",
    "FixationMetric",
    "FixationPair",
    "Fixations",
    "KullbackLeiblerDivergence",
    "MapStatistics",
    "MeanBoundaryAccuracy",
    "MeanMetric",
    "MeanOfImages",
    "MeanRoc",
    "MeanRocScores",
    "Metric",
    "MetricReport",
    "NormalisedScanpathSaliency",
    "OtherFixations",
    "Picture",
    "PictureMetric",
    "RelaxedBoundaryF",
    "RocAuc",
    "RocAucScores",
    "SMeasure",
    "Score",
    "SegmentationScores",
    "ShuffledAuc",
    "Similarity",
    "WeightedFMeasure",
    "chosen",
    "json_ready",
    "make_conventions",
    "map_statistics",
]
