"""From a YAML file to checked settings to objects; nobody else reads configuration keys."""

from paddleseg_u2net.config.build import Config
from paddleseg_u2net.config.schema import ConfigError

__all__ = ["Config", "ConfigError"]
