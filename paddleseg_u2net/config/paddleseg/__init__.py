"""Files of PaddleSeg's form, to this project's."""

from paddleseg_u2net.config.paddleseg.form import is_paddleseg, settings_tree, translate

__all__ = ["is_paddleseg", "settings_tree", "translate"]
