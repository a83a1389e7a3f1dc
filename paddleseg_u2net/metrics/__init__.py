"""Scores of predictions against masks and fixations: NumPy arrays in, numbers out.

Every metric has ``update``, ``compute``, ``merge``, ``reset``, ``state`` and ``load_state``;
`MetricReport` computes any choice of them in one pass. Each file of this folder registers its
scores in `SCORES`.
"""

import importlib
import pkgutil

from paddleseg_u2net.metrics.boundary import BoundaryIoU, MeanBoundaryAccuracy, RelaxedBoundaryF
from paddleseg_u2net.metrics.conventions import PRESETS, Conventions, make_conventions
from paddleseg_u2net.metrics.fixation.auc import AucBorji, AucJudd, ShuffledAuc
from paddleseg_u2net.metrics.fixation.density import (
    CorrelationCoefficient,
    KullbackLeiblerDivergence,
    NormalisedScanpathSaliency,
    Similarity,
)
from paddleseg_u2net.metrics.fixation.emd import EarthMoversDistance
from paddleseg_u2net.metrics.fixation.fixations import Fixations, OtherFixations
from paddleseg_u2net.metrics.map_mask_pair import MapMaskPair
from paddleseg_u2net.metrics.metric import (
    CurveMetric,
    Curves,
    FixationMetric,
    MapMetric,
    MeanMetric,
    Metric,
    PixelMetric,
)
from paddleseg_u2net.metrics.normalise import STRETCHES
from paddleseg_u2net.metrics.ranking import AveragePrecision, MeanRoc, RocAuc
from paddleseg_u2net.metrics.report import MetricReport, json_ready
from paddleseg_u2net.metrics.saliency import MAE, EMeasure, FMeasure
from paddleseg_u2net.metrics.scores import (
    DEFAULT,
    FAMILIES,
    SCORES,
    Score,
    chosen,
    members,
    register,
    resolve,
)
from paddleseg_u2net.metrics.segmentation import ConfusionMatrix
from paddleseg_u2net.metrics.structure import SMeasure
from paddleseg_u2net.metrics.weighted_f import WeightedFMeasure

for _found in pkgutil.walk_packages(__path__, f"{__name__}."):
    importlib.import_module(_found.name)
