"""The training loop: steps, and now and then a validation and a checkpoint."""

from __future__ import annotations

import contextlib
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any, ContextManager, Dict, Iterator, List, Optional, Tuple

import numpy as np
import paddle

from paddleseg_u2net import signals
from paddleseg_u2net.config import Config
from paddleseg_u2net.config.reading import flat
from paddleseg_u2net.config.told import told
from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.inference import Pipeline
from paddleseg_u2net.inference.backends.paddle_layers import eager
from paddleseg_u2net.io.files import check_writable
from paddleseg_u2net.log import logger
from paddleseg_u2net.training import batchnorm, checkpoint, run_folder
from paddleseg_u2net.training.distributed import Distributed, agreement
from paddleseg_u2net.training.heads import heads_of
from paddleseg_u2net.training.loader import Schedule, train_loader
from paddleseg_u2net.training.logger import SCORES, TrainingLogger
from paddleseg_u2net.training.loggers import Run, RunLogger, chosen, opened
from paddleseg_u2net.training.options import RunOptions
from paddleseg_u2net.training.profiler import StepProfiler
from paddleseg_u2net.training.step import EMA, Frozen, Precision
from paddleseg_u2net.training.validation import BestScore, evaluate, lines
from paddleseg_u2net.weights import load_weights

Batch = Tuple[paddle.Tensor, paddle.Tensor]
# Arrays that an optimizer keeps for each weight; Adam's and most others' are two.
_MOMENTS = {"SGD": 0, "Momentum": 1}
# Bytes of configuration, state, names and the like.
_SMALL_FILES = 1_000_000


class Diverged(ValueError):
    """The loss is no number any more."""


class Trainer:
    """A training run of a configuration. What cannot be had is a ValueError (ConfigError,
    PairingError, DataError, CheckpointError, ...) as it is made; nothing has been written then.
    """

    def __init__(self, config: Config, options: RunOptions) -> None:
        self.config, self.options, self.settings = config, options, config.trainer
        self.save_dir = Path(options.save_dir)
        check_writable(self.save_dir, folder=True, name=f"--save_dir {self.save_dir}")
        self.distributed = Distributed()
        self.precision = Precision(options.precision, options.amp_level)
        first = self.distributed.is_first
        self.profiler = StepProfiler(options.profiler_options, self.save_dir, first)
        self.loggers = chosen([*(["visualdl"] if options.use_vdl else []), *options.loggers])
        paddle.seed(options.seed)
        self.train_set = config.dataset("train")
        self.val_set = config.dataset("val") if options.do_eval else None
        schedule = self._schedule(0, 0)
        config.count_iters(schedule.per_epoch)
        epoch = max(1, schedule.per_epoch // self.settings.accumulate)
        self.save_interval = options.save_interval or (epoch if config.epochs else 1000)
        self._agreed = agreement.of_run(config, options, self.distributed.size, len(self.train_set))
        agreement.check_processes(self.distributed, config, options, self.train_set, self.val_set)
        model = config.model(pretrained=not options.resume_model)
        self.frozen = Frozen(model, self.settings.freeze)
        if not options.resume_model:
            batchnorm.measure_folded(model, config, self.train_set, options.seed)
        self.distributed.start_equal(model)
        self.model = model
        if self.settings.sync_batchnorm:
            self.model = self.distributed.synchronise_batchnorm(model)
        resumed = checkpoint.latest(options.resume_model) if options.resume_model else None
        config.balance(self.train_set, resumed)
        self.criterion, self.rate = config.criterion(), config.lr_schedule()
        self.optimizer = config.optimizer(self.model, self.rate)
        self.ema = EMA(self.model, self.settings.ema_decay, options.use_ema)
        kinds = ("", "ema_") if options.use_ema else ("",)
        self.best = {kind: BestScore(self.settings.best_metric) for kind in kinds}
        self.iteration = 0
        self.is_validated = True  # whether the validation that is due here has been made
        # as it was read, until a step is made: Paddle 2.6.2 gives no state out before
        self.read_optimizer: Optional[Dict[str, Any]] = None
        if resumed:
            self._resume(resumed)
        checkpoint.refuse_other_runs(self.save_dir, options.resume_model, self.iteration)
        self.model, self.optimizer = self.precision.decorate(self.model, self.optimizer)

    def run(self) -> Dict[str, Any]:
        """Train to the end, to the scores of the last validation. With ``save_on_term`` a signal to
        end is raised when what has been trained is saved.
        """
        if not self.options.save_on_term:
            return self._run()
        # several processes end after the same step, see `_agree_on_signals`
        alone = self.distributed.size == 1
        with signals.heard(), self._held(not alone):
            return self._run()

    def _run(self) -> Dict[str, Any]:
        for dataset in (self.train_set, self.val_set):
            if dataset is not None:
                logger.info(dataset.describe())
        start, accumulate = self.iteration, self.settings.accumulate
        schedule = self._schedule(start * accumulate, self.config.iters * accumulate)
        self.distributed.first(self._prepare_folder)
        records: List[RunLogger] = []
        self.distributed.first(lambda: records.extend(self._records()))
        log = TrainingLogger(
            self.config.iters,
            self.config.batch_size * accumulate,
            schedule.per_epoch / accumulate,
            self.options.log_iters,
            self.distributed.is_first,
            start,
            records,
        )
        try:
            return self._train(schedule, log)
        except (KeyboardInterrupt, signals.Terminated):
            if self.options.save_on_term and self.iteration > start:
                with self._held():
                    self._save_last()
            else:
                saved = checkpoint.iterations(self.save_dir)
                kept = "nothing is saved; with --save_on_term it would be"
                if saved:
                    kept = f"{saved[-1]} is saved: go on with --resume_model {self.save_dir}"
                logger.info(f"Ended at iter {self.iteration}; {kept}")
            raise
        finally:
            log.close()

    def _schedule(self, start: int, stop: int) -> Schedule:
        asked = len(self.train_set), self.config.batch_size, self.options.seed, start, stop
        return Schedule(*asked, self.distributed.rank, self.distributed.size)

    def _records(self) -> List[RunLogger]:
        settings = {**self.config.flat(), **flat(asdict(self.options))}
        best = f"{SCORES}{self.settings.best_metric}"
        run = Run(self.save_dir, self.iteration, str(self.config), settings, best)
        return opened(self.loggers, run)

    def _train(self, schedule: Schedule, log: TrainingLogger) -> Dict[str, Any]:
        scores: Dict[str, Any] = {}
        left = self.config.iters - self.iteration
        steps = self.profiler.over(self._batches(schedule, log), left)
        if self.config.pretrained and self.iteration == 0:
            # what training has to beat, or it stays the best
            scores, self.best = self._validate(log)
        if not self.is_validated:
            scores = self._validate_and_save(log)
            if self._has_waited_enough():
                return scores
        log.go_on()
        for batches in steps:
            with self._held():
                self._step(batches, log)
            self._agree_on_signals()
            if self._is_due():
                scores = self._validate_and_save(log)
                self.distributed.wait()
                self._agree_on_signals()
                if self._has_waited_enough():
                    break
                log.go_on()
        return scores

    def _step(self, batches: List[Batch], log: TrainingLogger) -> None:
        """Forward, backward, update; the losses are logged."""
        self.iteration += 1
        self.distributed.wait()  # for slow readers: what Paddle sends has little patience
        self.model.train()
        self.frozen.hold()
        # Drawn anew for each step, so that a resumed run draws the same; by each process others.
        drawn = self.options.seed * 1_000_003 + self.iteration
        paddle.seed(drawn + 15_485_863 * self.distributed.rank)
        losses = []
        for images, labels in batches:
            shape = "x".join(map(str, images.shape))
            with self.precision.autocast(), told(f"model: with images of shape {shape}, it"):
                heads = heads_of(self.model(images), labels)
            total, parts = self.criterion.parts(heads, labels)
            # one transfer from the device for all of them
            losses.append(paddle.stack([total, *parts]).numpy())
            self.precision.backward(total / len(batches) if len(batches) > 1 else total)
        # of all processes, or some would stop and some wait, and weights would part
        mean = self.distributed.mean({"losses": np.mean(losses, axis=0)})["losses"]
        self._refuse_nan(mean)
        self.distributed.average_gradients(self.model.parameters())
        with told(f"optimizer: {type(self.optimizer).__name__}"):
            self.precision.step(self.optimizer)
        self.ema.update(self.model, self.iteration)
        self.read_optimizer = None
        log.step(self.iteration, mean, self.optimizer.get_lr())
        plateau = isinstance(self.rate, paddle.optimizer.lr.ReduceOnPlateau)
        with told(f"lr_scheduler: at iteration {self.iteration}"):
            self.rate.step(*([float(mean[0])] if plateau else []))
            if not self.rate() >= 0:
                raise ValueError(f"the rate is {self.rate()}")
        self.is_validated = self.val_set is None or not self._is_due()

    def _batches(self, schedule: Schedule, log: TrainingLogger) -> Iterator[List[Batch]]:
        """The batches of each step."""
        preprocess, workers = self.config.preprocess(), self.options.num_workers
        loader = train_loader(self.train_set, preprocess, schedule, workers)
        while self.iteration < self.config.iters:
            batches = [next(loader) for _ in range(self.settings.accumulate)]
            log.data_read()
            yield batches

    def _refuse_nan(self, losses: np.ndarray) -> None:
        if not np.isfinite(losses).all():
            heads = ", ".join(f"{value:.4g}" for value in losses[1:])
            saved = checkpoint.iterations(self.save_dir)
            raise Diverged(
                f"iteration {self.iteration}: the loss is {losses[0]} (heads: {heads}). "
                + (f"{saved[-1]} is the last good checkpoint. " if saved else "")
                + "Lower the learning rate, add optimizer.grad_clip_cfg, or look for broken "
                "labels; with fp16 try bf16"
            )

    def _held(self, held: bool = True) -> ContextManager[None]:
        """Around what a signal must not cut, where what was trained is to be saved after it."""
        return signals.held() if held and self.options.save_on_term else contextlib.nullcontext()

    def _agree_on_signals(self) -> None:
        """Let several processes end after the same step, whichever of them got the signal."""
        if self.options.save_on_term and self.distributed.size > 1:
            every = self.distributed.gather({"signal": np.asarray([signals.number()])})
            if number := max(int(state["signal"][0]) for state in every):
                raise signals.exception(number)

    def _save_last(self) -> None:
        folder = self.save_dir / f"iter_{self.iteration}"
        if not folder.is_dir():
            self._average_statistics()
            self._save()
        self.distributed.wait()
        logger.info(f"Saved {folder}; go on with --resume_model {self.save_dir}")

    def _is_due(self) -> bool:
        last = self.iteration == self.config.iters
        return last or self.iteration % self.save_interval == 0

    def _has_waited_enough(self) -> bool:
        patience, best = self.settings.early_stop, self.best[""]
        if not self.val_set or not patience or best.waited < patience:
            return False
        logger.info(
            f"Stopped at iter {self.iteration}: {patience} validations without a better "
            f"{best.metric}"
        )
        return True

    def _average_statistics(self) -> None:
        """Give all processes the mean of their BatchNorm statistics: on a CPU each has its own, and
        what is validated and saved is one model. Gradients do not depend on them.
        """
        if self.distributed.size == 1:
            return
        for weights in (self.model.state_dict(), self.ema.average):
            own = batchnorm.statistics(weights)
            mean = self.distributed.mean({name: value.numpy() for name, value in own.items()})
            for name, value in own.items():
                value.set_value(mean[name])

    def _validate(self, log: TrainingLogger) -> Tuple[Dict[str, Any], Dict[str, BestScore]]:
        """The model's scores, and the best ones with them and those of its average."""
        self._average_statistics()
        best = deepcopy(self.best)
        if self.val_set is None:
            return {}, best
        self.model.eval()
        network, config = eager(self.model, self.precision.autocast), self.config
        pipeline = Pipeline(network, config.preprocess(), config.augment(), config.window())
        scores = self._score("", pipeline, self.val_set, best[""], log)
        if self.distributed.is_first:
            log.pictures(pipeline, self.val_set, self.settings.vdl_images, self.iteration)
        if self.ema.average:
            with self.ema.in_place_of(self.model, self._held):
                self._score("ema_", pipeline, self.val_set, best["ema_"], log)
        return scores, best

    def _score(
        self,
        kind: str,
        pipeline: Pipeline,
        dataset: PairDataset,
        best: BestScore,
        log: TrainingLogger,
    ) -> Dict[str, Any]:
        """Score the weights that the model has, and save them if they are the best."""
        report = evaluate(
            pipeline,
            dataset,
            self.config.report([best.metric]),
            self.config.test.batch_size,
            self.options.num_workers,
            self.distributed,
        )
        scores, step = report.compute(), self.iteration
        for line in lines(report, dataset.classes):
            logger.info(line.replace("[EVAL]", "[EVAL] EMA") if kind else line)
        log.evaluated(report, step, kind)
        # Before the iteration's checkpoint, which has this score: a run that is resumed from it
        # must find the model.
        if best.update(scores, step) and self.distributed.is_first:
            checkpoint.save(
                self.save_dir / f"{kind}best_model",
                checkpoint.weights_of(self.model),
                str(self.config),
                {"iteration": step, "scores": scores},
            )
        name = "EMA model" if kind else "model"
        logger.info(
            f"[EVAL] The {name} with the best validation {best.metric} ({best.value:.4f}) was "
            f"saved at iter {best.iteration}."
        )
        return scores

    def _validate_and_save(self, log: TrainingLogger) -> Dict[str, Any]:
        try:
            scores, best = self._validate(log)
        except Exception:
            self._save()  # what was trained is not lost with the validation
            raise
        with self._held():
            # a validation that was cut is made again, as if it had not begun
            self.best, self.is_validated = best, True
            self._save()
        return scores

    def _prepare_folder(self) -> None:
        checkpoint.recover(self.save_dir)
        checkpoint.tidy(self.save_dir, self.options.keep_checkpoint_max)
        run_folder.try_writing(self.save_dir, self._size_of_a_save())

    def _size_of_a_save(self) -> int:
        """Bytes of ``iter_N`` and of the best models beside it."""
        weights = sum(int(np.prod(value.shape)) for value in self.model.state_dict().values())
        models, best = len(self.best), len(self.best) if self.val_set else 0
        moments = _MOMENTS.get(type(self.optimizer).__name__, 2)
        return 4 * weights * (models + moments + best) + _SMALL_FILES

    def _save(self) -> None:
        if not self.distributed.is_first:
            return
        state = {
            "iteration": self.iteration,
            "best": {kind: asdict(best) for kind, best in self.best.items()},
            "scaler": self.precision.state(),
            "must_agree": self._agreed,
            "validated": self.is_validated,
        }
        checkpoint.save(
            self.save_dir / f"iter_{self.iteration}",
            checkpoint.weights_of(self.model),
            str(self.config),
            state,
            self.read_optimizer or checkpoint.optimizer_state(self.optimizer, self.model),
            self.ema.state(),
        )
        checkpoint.tidy(self.save_dir, self.options.keep_checkpoint_max)

    def _resume(self, folder: Path) -> None:
        state = checkpoint.load_state(folder)
        optimizer = checkpoint.load_optimizer(folder)
        agreement.check_resumed(folder, state["must_agree"], self._agreed)
        load_weights(self.model, folder)
        checkpoint.set_optimizer_state(self.optimizer, self.model, optimizer)
        self.read_optimizer = optimizer
        self.ema.load(folder / "ema.pdparams")
        self.best = {kind: BestScore(**best) for kind, best in state["best"].items()}
        self.precision.load_state(state["scaler"])
        self.iteration = state["iteration"]
        self.is_validated = state.get("validated", True) or self.val_set is None
        if isinstance(self.rate, paddle.optimizer.lr.CosineAnnealingWarmRestarts):
            self.rate.step(epoch=self.iteration)  # its saved state leaves out where it stood
        for kind in self.best if self.distributed.is_first else ():
            checkpoint.bring(folder.parent / f"{kind}best_model", self.save_dir)
        logger.info(f"Resumed from {folder}, iter {self.iteration}")
