"""``tools/train.py``: a configuration in, checkpoints out."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any, List

from paddleseg_u2net.commands.arguments import add_data_format, parser
from paddleseg_u2net.commands.parsing import at_least, only
from paddleseg_u2net.device import set_device
from paddleseg_u2net.env import is_first_process, load_paddle, processes
from paddleseg_u2net.log import logger, start_logging

MINUTES = 3.5  # of --diagnose


def _arguments(argv: List[str]) -> argparse.Namespace:
    result = parser("train", "Train a model. Flags are PaddleSeg's; keys of --config: docs.")
    add = result.add_argument
    add("--config", required=True, help="YAML file, e.g. configs/RGB/U2Net/u2net.yaml")
    add("--save_dir", default="output", help="folder for checkpoints and records")
    add("--num_workers", type=at_least(0), default=0, help="processes that read; 0: none")
    add("--do_eval", action="store_true", help="validate at every save, keep the best model")
    add("--use_vdl", action="store_true", help="record for VisualDL in save_dir")
    add("--loggers", nargs="+", action="extend", default=[], metavar="NAME", help="record "
        "for these too: tensorboard, mlflow, wandb, or a plugin's")  # fmt: skip
    add("--use_ema", action="store_true", help="keep a moving average of the weights too")
    add("--resume_model", metavar="DIR", help="an iter_N folder, or save_dir for its last one")
    length = result.add_mutually_exclusive_group().add_argument
    length("--iters", type=int, help="overrides the configuration")
    length("--epochs", type=int, help="overrides the configuration, its iters too")
    add("--batch_size", type=int, help="overrides the configuration; per device")
    add("--learning_rate", type=float, help="overrides the configuration")
    add("--save_interval", type=at_least(1), help="iterations between checkpoints; default: 1000, "
        "in a run of epochs one epoch")  # fmt: skip
    add("--log_iters", type=at_least(1), default=10, help="iterations between log lines; default: "
        "%(default)s")  # fmt: skip
    add("--keep_checkpoint_max", type=at_least(0), default=5, help="iter_N folders to keep; 0: all")
    add("--save_on_term", action="store_true", help="let SIGTERM, SIGHUP and Ctrl-C finish the "
        "running step and save iter_N, from which --resume_model goes on; a second signal, 2 s or "
        "more after the first, ends at once. Exit code 143 (129, 130). Without: they end at once, "
        "and the last checkpoint counts")  # fmt: skip
    add("--seed", type=at_least(0), default=0, help="the same seed gives the same run on a CPU")
    add("--precision", choices=("fp32", "fp16", "bf16"), default="fp32")
    add("--amp_level", choices=("O1", "O2"), default="O1")
    add("--diagnose", nargs="?", type=float, const=MINUTES, metavar="MINUTES", help="train "
        "nothing; examine data, loss, network and learning rate in about so many minutes (default: "
        f"{MINUTES:g}), and write a report into save_dir/diagnosis. Exit code 1 where training "
        "cannot work")  # fmt: skip
    add("--profiler_options", metavar="KEY=VALUE;...", help="profile some batches, e.g. "
        "'batch_range=[50, 60]; sorted_key=total'; keys: docs/configuration.md")  # fmt: skip
    add("--repeats", type=only("1", "an epoch is all pairs once here; for longer epochs give "
        "--epochs or a larger --save_interval, for a set smaller than a batch a smaller "
        "batch_size"), default="1", help="1, see --epochs")  # fmt: skip
    add_data_format(result)
    return result.parse_args(argv)


def _diagnose(config: Any, arguments: argparse.Namespace) -> int:
    """Examine the configuration; 1 if training cannot work."""
    from paddleseg_u2net.training.diagnosis import diagnose

    if arguments.resume_model:
        raise ValueError("--diagnose: it examines how a run begins; leave --resume_model out")
    if processes() > 1:
        raise ValueError("--diagnose: one process examines; start it without launch")
    if not 0 < arguments.diagnose < 1440:
        raise ValueError(f"--diagnose: expected minutes above 0, got {arguments.diagnose:g}")
    folder = Path(arguments.save_dir)
    diagnosis = diagnose(
        config,
        folder,
        arguments.diagnose,
        arguments.seed,
        arguments.num_workers,
        arguments.do_eval,
    )
    for line in diagnosis.lines():
        logger.info(line)
    logger.info(f"The report and its pictures are in {folder / 'diagnosis'}")
    return 0 if diagnosis.can_train else 1


def run(argv: List[str]) -> int:
    """Train; 0 if all went well."""
    arguments = _arguments(argv)
    start_logging(is_first_process())
    load_paddle()
    from paddleseg_u2net.training.distributed import Distributed

    device = set_device(arguments.device)
    with Distributed() as distributed:
        return _train(arguments, device, distributed)


def _train(arguments: argparse.Namespace, device: str, distributed: Any) -> int:
    from paddleseg_u2net.config import Config
    from paddleseg_u2net.training.options import RunOptions
    from paddleseg_u2net.training.run_folder import reserved
    from paddleseg_u2net.training.trainer import Trainer

    opts = list(arguments.opts)
    for key in ("iters", "epochs", "batch_size", "lr_scheduler.learning_rate"):
        value = getattr(arguments, key.rpartition(".")[2])
        opts += [] if value is None else [f"{key}={value}"]
    config = Config(arguments.config, opts)
    logger.info(f"Configuration {arguments.config} on {device}:\n{config}")
    if arguments.diagnose is not None:
        return _diagnose(config, arguments)
    options = {field.name: getattr(arguments, field.name) for field in fields(RunOptions)}
    with reserved(Path(arguments.save_dir), distributed):
        trainer = Trainer(config, RunOptions(**options))
        trainer.run()
    saved = any(trainer.save_dir.glob("iter_*"))  # none, if it ended with a profile
    where = f"checkpoints are in {trainer.save_dir}" if saved else "nothing was due to be saved"
    logger.info(f"Trained to iter {trainer.iteration}; {where}")
    return 0
