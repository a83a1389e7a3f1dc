"""Scores of predictions against masks: NumPy arrays in, numbers out.

Every metric has ``update``, ``compute``, ``merge``, ``reset``, ``state`` and ``load_state``.
"""

from .map_statistics import MapStatistics, map_statistics
from .maps import STRETCHES
from .metric import MeanMetric, Metric, PictureMetric
from .picture import Picture
from .report import HIGHER_IS_BETTER, MetricReport, json_ready
from .saliency import MAE, FMeasure, FMeasureScores
from .segmentation import ConfusionMatrix, SegmentationScores
from .structure import SMeasure
from .weighted_f import WeightedFMeasure

__all__ = [
    "HIGHER_IS_BETTER",
    "MAE",
    "STRETCHES",
    "ConfusionMatrix",
    "FMeasure",
    "FMeasureScores",
    "MapStatistics",
    "MeanMetric",
    "Metric",
    "MetricReport",
    "Picture",
    "PictureMetric",
    "SMeasure",
    "SegmentationScores",
    "WeightedFMeasure",
    "json_ready",
    "map_statistics",
]
