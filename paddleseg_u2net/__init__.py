"""U²-Net and U²-NetP for PaddleSeg: train, validate and predict from a YAML file.

Importing this package is light: neither paddle nor paddleseg is loaded.
``import paddleseg_u2net.components`` registers the models, the loss, the data sets and the
transforms with PaddleSeg's component manager.
"""

# Paddle 2.6.2's shared library exports its own copy of zlib's symbols. Where Python's zlib module
# is loaded after it, both mix and the process dies in `inflateReset2`; loaded before, they do not.
import zlib  # noqa: F401

__version__ = "0.1.0"
