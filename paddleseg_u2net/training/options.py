"""What a run is asked for beside its configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence


@dataclass
class RunOptions:
    """What a run is asked for on the command line; see ``paddleseg_u2net train --help``."""

    save_dir: str = "output"
    num_workers: int = 0
    do_eval: bool = False
    use_vdl: bool = False
    use_ema: bool = False
    resume_model: Optional[str] = None
    save_interval: Optional[int] = None  # 1000, or an epoch in a run of epochs
    log_iters: int = 10
    keep_checkpoint_max: int = 5
    seed: int = 0
    precision: str = "fp32"
    amp_level: str = "O1"
    save_on_term: bool = False
    loggers: Sequence[str] = ()
    profiler_options: Optional[str] = None
