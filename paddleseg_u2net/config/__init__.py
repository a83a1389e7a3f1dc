"""From a YAML file to checked settings to objects; the only reader of its keys.

``Config`` needs Paddle and PaddleSeg, which are loaded when it is first asked for.
"""

from typing import TYPE_CHECKING, Any

from paddleseg_u2net.config.prediction import PredictionConfig, read_prediction_config
from paddleseg_u2net.config.reading import ConfigError
from paddleseg_u2net.config.settings import DatasetSettings

if TYPE_CHECKING:
    from paddleseg_u2net.config.build import Config

__all__ = ["Config", "ConfigError", "DatasetSettings", "PredictionConfig", "read_prediction_config"]


def __getattr__(name: str) -> Any:
    if name == "Config":
        from paddleseg_u2net.config.build import Config

        return Config
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
