"""Where the numbers and pictures of runs go, beside the log: each file of this folder knows one."""

from importlib import import_module
from pkgutil import iter_modules

from paddleseg_u2net.training.loggers.run_logger import (
    LOGGERS,
    Run,
    RunLogger,
    chosen,
    opened,
    register,
)

# They are listed in this order; a file that is added registers its logger behind them.
_FIRST = ("visual_dl", "tensor_board", "ml_flow", "weights_and_biases")
for _name in dict.fromkeys([*_FIRST, *(module.name for module in iter_modules(__path__))]):
    import_module(f"{__name__}.{_name}")

__all__ = ["LOGGERS", "Run", "RunLogger", "chosen", "opened", "register"]
