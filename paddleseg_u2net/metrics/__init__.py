"""Scores of predictions against masks and fixations: NumPy arrays in, numbers out.

Every metric has ``update``, ``compute``, ``merge``, ``reset``, ``state`` and ``load_state``;
`MetricReport` computes any choice of them in one pass.
"""

from .boundary import BoundaryIoU, MeanBoundaryAccuracy, RelaxedBoundaryF
from .conventions import PRESETS, Conventions, make_conventions
from .earth_mover import EarthMoversDistance
from .enhanced import EMeasure, EMeasureScores
from .fixated_map import FixatedMap
from .fixation_auc import AucBorji, AucJudd, ShuffledAuc
from .fixation_density import (
    CorrelationCoefficient,
    KullbackLeiblerDivergence,
    NormalisedScanpathSaliency,
    Similarity,
)
from .fixation_metric import FixationMetric
from .fixations import Fixations
from .map_statistics import MapStatistics, map_statistics
from .maps import STRETCHES
from .metric import CurveMetric, MeanMetric, MeanOfImages, Metric, PictureMetric
from .picture import Picture
from .ranking import AveragePrecision, MeanRoc, MeanRocScores, RocAuc, RocAucScores
from .report import MetricReport, json_ready
from .saliency import MAE, FMeasure, FMeasureScores
from .scores import DEFAULT, FAMILIES, SCORES, Score, chosen
from .segmentation import ConfusionMatrix, SegmentationScores
from .shuffle_map import ShuffleMap
from .structure import SMeasure
from .weighted_f import WeightedFMeasure

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
    "FixatedMap",
    "FixationMetric",
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
    "Picture",
    "PictureMetric",
    "RelaxedBoundaryF",
    "RocAuc",
    "RocAucScores",
    "SMeasure",
    "Score",
    "SegmentationScores",
    "ShuffleMap",
    "ShuffledAuc",
    "Similarity",
    "WeightedFMeasure",
    "chosen",
    "json_ready",
    "make_conventions",
    "map_statistics",
]
