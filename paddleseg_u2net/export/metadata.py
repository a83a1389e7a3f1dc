"""What an export says of itself: classes, versions, what was measured."""

from __future__ import annotations

from typing import Any, Dict, Tuple

from paddleseg_u2net.config import Config, ConfigError
from paddleseg_u2net.datasets.table import classes_of
from paddleseg_u2net.export.options import ExportOptions
from paddleseg_u2net.export.quantization.search import Found


def class_names(config: Config) -> Tuple[str, ...]:
    """Names by class number, the background first: of the data set that the configuration has for
    validation or training, else plain ones.
    """
    count = max(config.num_classes, 2)
    for part in ("val", "train"):
        try:
            settings = config.dataset_settings(part)
        except ConfigError:
            continue
        names = settings.class_names or classes_of(settings.name)
        if len(names) == count:
            return tuple(str(item) for item in names)
    if count == 2:
        return ("background", "foreground")
    return tuple(f"class {number}" for number in range(count))


def described_guard(found: Found, order: ExportOptions) -> Dict[str, Any]:
    """What a description says of a search for a lower precision."""
    return {
        "tolerance": order.max_mae_increase,
        "increase": found.increase,
        "difference": found.difference,
        "against": found.against,
        "error": found.error,
        "images": found.images,
        "kept": list(found.kept),
        "share": found.share,
        "measured": len(found.steps),
    }
