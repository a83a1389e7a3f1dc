"""The training loop: steps, and now and then a validation and a checkpoint."""

from __future__ import annotations

import contextlib
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ContextManager, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import paddle

from paddleseg_u2net import signals
from paddleseg_u2net.config import Config
from paddleseg_u2net.env import arithmetic
from paddleseg_u2net.inference import Pipeline
from paddleseg_u2net.inference.backends import eager
from paddleseg_u2net.io.files import check_writable
from paddleseg_u2net.predictor.source import preprocess_mismatch
from paddleseg_u2net.training import batchnorm, checkpoint, run_folder
from paddleseg_u2net.training.best_score import BestScore
from paddleseg_u2net.training.distributed import Distributed
from paddleseg_u2net.training.ema import EMA
from paddleseg_u2net.training.freeze import Frozen
from paddleseg_u2net.training.loader import Schedule, train_loader
from paddleseg_u2net.training.logger import TrainingLogger, logger
from paddleseg_u2net.training.precision import Precision
from paddleseg_u2net.training.validation import evaluate, lines
from paddleseg_u2net.weights import fit_state, load_weights, read_pickle

Batch = Tuple[paddle.Tensor, paddle.Tensor]
# Images that folded BatchNorms are measured on before training.
_MEASURED = 32
# Arrays that an optimizer keeps for each weight; Adam's and most others' are two.
_MOMENTS = {"SGD": 0, "Momentum": 1}
# Bytes of configuration, state, names and the like.
_SMALL_FILES = 1_000_000


class Diverged(ValueError):
    """The loss is no number any more."""


@dataclass
class RunOptions:
    """What a run is asked for on the command line; see ``paddleseg_u2net train --help``."""

    save_dir: str = "output"
    num_workers: int = 0
    do_eval: bool = False
    use_vdl: bool = False
    use_ema: bool = False
    resume_model: Optional[str] = None
    save_interval: int = 1000
    log_iters: int = 10
    keep_checkpoint_max: int = 5
    seed: int = 0
    precision: str = "fp32"
    amp_level: str = "O1"
    save_on_term: bool = False


class Trainer:
    """A training run.

    Args:
        config: what to train, on what, how.
        options: what is asked for besides.

    Raises:
        ConfigError, PairingError, MaskError, DataError, CheckpointError, ValueError: something
            asked for cannot be had; nothing has been written then.
    """

    def __init__(self, config: Config, options: RunOptions) -> None:
        self.config, self.options, self.settings = config, options, config.trainer
        self.save_dir = Path(options.save_dir)
        check_writable(self.save_dir, folder=True, name=f"--save_dir {self.save_dir}")
        self.ranks = Distributed()
        self.precision = Precision(options.precision, options.amp_level)
        paddle.seed(options.seed)
        self.train_set = config.dataset("train")
        model = config.model(pretrained=not options.resume_model)
        self.frozen = Frozen(model, self.settings["freeze"])
        if config.pretrained and not options.resume_model:
            for words in (preprocess_mismatch(config.pretrained, config), config.too_fast()):
                if words:
                    logger.info(words)
        if config.pretrained and not options.resume_model and batchnorm.folded(model):
            self._measure_batchnorms(model)
        self.model = self.ranks.synchronise_batchnorm(model)
        self.criterion, self.rate = config.criterion(), config.lr_schedule()
        self.optimizer = config.optimizer(self.model, self.rate)
        self.ema = EMA(self.model, self.settings["ema_decay"]) if options.use_ema else None
        self.best = {"": BestScore(self.settings["best_metric"])}
        if self.ema:
            self.best["ema_"] = BestScore(self.settings["best_metric"])
        self.val_set = config.dataset("val") if options.do_eval else None
        self.iteration = 0
        self.is_validated, self.best_before = True, self.best
        # as it was read, until a step is made: Paddle 2.6.2 gives no state out before
        self.read_optimizer: Optional[Dict[str, Any]] = None
        if options.resume_model:
            self._resume(checkpoint.latest(options.resume_model))
        self._refuse_other_runs()
        self.model, self.optimizer = self.precision.decorate(self.model, self.optimizer)
        self.parallel = self.ranks.parallel(self.model)

    def run(self) -> Dict[str, Any]:
        """Train to the end; the scores of the last validation are returned.

        With ``save_on_term`` a signal to end (see `signals.heard`) is raised when what has been
        trained is saved.
        """
        if not self.options.save_on_term:
            return self._run()
        # several processes end after the same step, see `_agree`
        alone = self.ranks.size == 1
        with signals.heard(), signals.patient(), self._whole(not alone):
            return self._run()

    def _run(self) -> Dict[str, Any]:
        for dataset in (self.train_set, self.val_set):
            if dataset is not None:
                logger.info(dataset.describe())
        schedule = self._schedule()
        self.ranks.first(self._prepare_folder)
        journal = TrainingLogger(
            self.config.iters,
            self.config.batch_size * self.settings["accumulate"],
            schedule.per_epoch / self.settings["accumulate"],
            self.options.log_iters,
            self.ranks.is_first,
            self.iteration,
            # VisualDL shows one record a folder: each start gets its own
            self.save_dir / "vdl" / f"from_{self.iteration}" if self.options.use_vdl else None,
        )
        scores: Dict[str, Any] = {}
        start = self.iteration
        try:
            if self.config.pretrained and start == 0:
                scores = self._validate(journal)  # what training has to beat, or it stays the best
                journal.go_on()
            if not self.is_validated:
                scores = self._validate_and_save(journal)
                if self._has_waited_enough():
                    return scores
            for batches in self._steps(schedule, journal):
                with self._whole():
                    self.iteration += 1
                    if self.iteration == start + 1:
                        self._compare_size(batches[0][0].shape)
                    losses = self.ranks.mean({"losses": self._step(batches)})["losses"]
                    self.read_optimizer = None
                    journal.step(self.iteration, losses, self.optimizer.get_lr())
                    self._advance_rate(float(losses[0]))
                    self.is_validated = self.val_set is None or not self._is_due()
                    self.best_before = deepcopy(self.best)
                self._agree()
                if self._is_due():
                    scores = self._validate_and_save(journal)
                    self.ranks.wait()
                    self._agree()
                    if self._has_waited_enough():
                        break
                    journal.go_on()
        except (KeyboardInterrupt, signals.Terminated):
            if self.options.save_on_term and self.iteration > start:
                with self._whole():
                    self._save_last()
            else:
                logger.info(self._kept())
            raise
        finally:
            journal.close()
        return scores

    def _whole(self, whole: bool = True) -> ContextManager[None]:
        """Around what a signal must not cut, where what was trained is to be saved after it."""
        return signals.held() if whole and self.options.save_on_term else contextlib.nullcontext()

    def _agree(self) -> None:
        """Let several processes end after the same step, whichever of them got the signal."""
        if self.options.save_on_term and self.ranks.size > 1:
            every = self.ranks.gather({"signal": np.asarray([signals.number()])})
            if number := max(int(state["signal"][0]) for state in every):
                raise signals.exception(number)

    def _kept(self) -> str:
        """What is left of a run that ends here."""
        saved = checkpoint.iterations(self.save_dir)
        if not saved:
            return (
                f"Ended at iter {self.iteration}; nothing is saved (--save_interval "
                f"{self.options.save_interval}). With --save_on_term it would be"
            )
        return (
            f"Ended at iter {self.iteration}; {saved[-1]} is saved: go on with --resume_model "
            f"{self.save_dir}"
        )

    def _save_last(self) -> None:
        folder = self.save_dir / f"iter_{self.iteration}"
        if not folder.is_dir():
            self._agree_on_statistics()
            self._save()
        self.ranks.wait()
        logger.info(f"Saved {folder}; go on with --resume_model {self.save_dir}")

    def _validate_and_save(self, journal: TrainingLogger) -> Dict[str, Any]:
        try:
            scores = self._validate(journal)
        except Exception:
            self._save()  # what was trained is not lost with the validation
            raise
        self.is_validated = True
        with self._whole():
            self._save()
        return scores

    def _measure_batchnorms(self, model: paddle.nn.Layer) -> None:
        count = -(-_MEASURED // self.config.batch_size)
        schedule = Schedule(
            len(self.train_set), self.config.batch_size, self.options.seed, 0, count
        )
        batches = train_loader(self.train_set, self.config.preprocess(), schedule, 0)
        seen = min(count * self.config.batch_size, len(self.train_set))
        logger.info(
            f"{self.config.pretrained}: {len(batchnorm.folded(model))} BatchNorms are folded into "
            f"the convolutions; measuring them anew on {seen} training images (the maps stay)"
        )
        batchnorm.measure(model, (images for images, _ in batches))

    # -- one step ----------------------------------------------------------------------------

    def _schedule(self) -> Schedule:
        accumulate = self.settings["accumulate"]
        return Schedule(
            len(self.train_set),
            self.config.batch_size,
            self.options.seed,
            self.iteration * accumulate,
            self.config.iters * accumulate,
            self.ranks.rank,
            self.ranks.size,
        )

    def _compare_size(self, shape: Sequence[int]) -> None:
        """Say so where training sees another size than validation and prediction."""
        size = self.config.preprocess().size
        if size is not None and tuple(shape[:1:-1]) != tuple(size):
            logger.info(
                f"Training sees {shape[3]}x{shape[2]} (train_dataset.transforms), validation and "
                f"prediction {size[0]}x{size[1]} (preprocess.size)"
            )

    def _steps(self, schedule: Schedule, journal: TrainingLogger) -> Iterator[List[Batch]]:
        """The batches of each step."""
        loader = train_loader(
            self.train_set, self.config.preprocess(), schedule, self.options.num_workers
        )
        while self.iteration < self.config.iters:
            batches = [next(loader) for _ in range(self.settings["accumulate"])]
            journal.data_read()
            yield batches

    def _step(self, batches: List[Batch]) -> np.ndarray:
        """Forward, backward, update; the mean total loss and each head's."""
        self.ranks.wait()  # for whoever reads slowly: the backward pass has little patience
        self.model.train()
        self.frozen.hold()
        # Drawn anew for each step, so that a resumed run draws the same.
        paddle.seed(self.options.seed * 1_000_003 + self.iteration)
        losses = []
        for images, labels in batches:
            with self.precision.autocast():
                heads = self.parallel(images)
            total, parts = self.criterion.parts(heads, labels)
            # one transfer from the device for all of them
            losses.append(paddle.stack([total, *parts]).numpy())
            self._refuse_nan(losses[-1])
            self.precision.backward(total / len(batches) if len(batches) > 1 else total)
        self.precision.step(self.optimizer)
        if self.ema:
            self.ema.update(self.model, self.iteration)
        return np.mean(losses, axis=0)

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

    def _advance_rate(self, loss: float) -> None:
        """``loss`` is the mean over all processes, or their weights would part."""
        if isinstance(self.rate, paddle.optimizer.lr.ReduceOnPlateau):
            self.rate.step(loss)
        else:
            self.rate.step()

    # -- now and then ------------------------------------------------------------------------

    def _is_due(self) -> bool:
        last = self.iteration == self.config.iters
        return last or self.iteration % self.options.save_interval == 0

    def _has_waited_enough(self) -> bool:
        patience = self.settings["early_stop"]
        if not self.val_set or not patience or self.best[""].waited < patience:
            return False
        logger.info(
            f"Stopped at iter {self.iteration}: {patience} validations without a better "
            f"{self.best[''].metric}"
        )
        return True

    def _agree_on_statistics(self) -> None:
        """Give all processes the mean of their BatchNorm statistics.

        On a CPU each process normalises by its own batches and so has statistics of its own. What
        is validated, saved and resumed is one model; its gradients do not depend on them.
        """
        if self.ranks.size == 1:
            return
        for weights in (self.model.state_dict(), self.ema.average if self.ema else {}):
            own = batchnorm.statistics(weights)
            mean = self.ranks.mean({name: value.numpy() for name, value in own.items()})
            for name, value in own.items():
                value.set_value(mean[name])

    def _validate(self, journal: TrainingLogger) -> Dict[str, Any]:
        self._agree_on_statistics()
        if self.val_set is None:
            return {}
        weights = self.model.state_dict()
        scores = self._score("", journal)
        if self.ema:
            kept = {name: value.clone() for name, value in weights.items()}
            try:
                with self._whole():
                    self._set_weights(self.ema.average)
                self._score("ema_", journal)
            finally:
                with self._whole():
                    self._set_weights(kept)
        return scores

    def _set_weights(self, weights: Dict[str, Any]) -> None:
        """Into the model, in the dtype that each of its tensors has (half, at O2)."""
        own = {**dict(self.model.named_parameters()), **dict(self.model.named_buffers())}
        self.model.set_state_dict(
            {name: value.astype(own[name].dtype) for name, value in weights.items()}
        )

    def _score(self, kind: str, journal: TrainingLogger) -> Dict[str, Any]:
        """Validate the model as it is; save it as the best of its ``kind`` if it is."""
        assert self.val_set is not None
        self.model.eval()
        pipeline = Pipeline(
            eager(self.model, self.precision.autocast),
            self.config.preprocess(),
            self.config.augment(),
            self.config.window(),
        )
        report = evaluate(
            pipeline,
            self.val_set,
            self.config.report([self.settings["best_metric"]]),
            self.config.test_batch_size(),
            self.options.num_workers,
            self.ranks,
        )
        scores = report.compute()
        for line in lines(report, self.val_set.classes):
            logger.info(line.replace("[EVAL]", "[EVAL] EMA") if kind else line)
        journal.evaluated(report, self.iteration, kind)
        best = self.best[kind]
        # Before the iteration's checkpoint, which remembers this score: whoever resumes from that
        # must find the model that had it.
        if best.update(scores, self.iteration) and self.ranks.is_first:
            state = {"iteration": self.iteration, "scores": scores}
            checkpoint.save(
                self.save_dir / f"{kind}best_model", self._weights(), str(self.config), state
            )
        name = "EMA model" if kind else "model"
        logger.info(
            f"[EVAL] The {name} with the best validation {best.metric} ({best.value:.4f}) was "
            f"saved at iter {best.iteration}."
        )
        if not kind and self.ranks.is_first:
            journal.pictures(pipeline, self.val_set, self.settings["vdl_images"], self.iteration)
        return scores

    # -- keeping and finding again -----------------------------------------------------------

    def _prepare_folder(self) -> None:
        checkpoint.recover(self.save_dir)
        checkpoint.tidy(self.save_dir, self.options.keep_checkpoint_max)
        run_folder.try_writing(self.save_dir, self._size_of_a_save())

    def _size_of_a_save(self) -> int:
        """Bytes of ``iter_N`` and of the best models beside it."""
        weights = sum(int(np.prod(value.shape)) for value in self.model.state_dict().values())
        models = 2 if self.ema else 1
        moments = _MOMENTS.get(type(self.optimizer).__name__, 2)
        best = models if self.val_set else 0
        return 4 * weights * (models + moments + best) + _SMALL_FILES

    def _weights(self) -> Dict[str, np.ndarray]:
        return {
            name: value.astype("float32").numpy() for name, value in self.model.state_dict().items()
        }

    def _save(self) -> None:
        if self.ranks.is_first:
            # a validation that was cut is made again, as if it had not begun
            known = self.best if self.is_validated else self.best_before
            state = {
                "iteration": self.iteration,
                "best": {kind: asdict(best) for kind, best in known.items()},
                "scaler": self.precision.state(),
                "must_agree": self._must_agree(),
                "validated": self.is_validated,
                "arithmetic": arithmetic(),
            }
            checkpoint.save(
                self.save_dir / f"iter_{self.iteration}",
                self._weights(),
                str(self.config),
                state,
                self.read_optimizer or checkpoint.optimizer_state(self.optimizer, self.model),
                self.ema.state() if self.ema else None,
            )
            checkpoint.tidy(self.save_dir, self.options.keep_checkpoint_max)

    def _must_agree(self) -> Dict[str, Any]:
        """What another value of would make a resumed run another run."""
        return {
            "seed": self.options.seed,
            "use_ema": self.options.use_ema,
            "precision": self.options.precision,
            "amp_level": self.options.amp_level,
            "batch_size": self.config.batch_size,
            "trainer.accumulate": self.settings["accumulate"],
            "trainer.best_metric": self.settings["best_metric"],
            "trainer.freeze": self.settings["freeze"],
            "processes": self.ranks.size,
            "training pairs": len(self.train_set),
        }

    def _refuse_other_runs(self) -> None:
        """Two runs in one folder would delete each other's checkpoints and best models."""
        held = checkpoint.iterations(self.save_dir)
        if self.options.resume_model:
            source = checkpoint.latest(self.options.resume_model).resolve()
            if source.parent == self.save_dir.resolve():
                held = [path for path in held if checkpoint.number(path) > self.iteration]
        if held:
            raise checkpoint.CheckpointError(
                f"--save_dir {self.save_dir}: {held[-1].name} lies there, which this run would mix "
                f"with its own; go on from it with --resume_model {self.save_dir}, name another "
                "--save_dir, or move it away"
            )

    def _resume(self, folder: Path) -> None:
        state = checkpoint.load_state(folder)
        optimizer = checkpoint.load_optimizer(folder)
        # what is not written there was not thought of when it was saved
        then = {"trainer.freeze": [], **state["must_agree"]}
        now = self._must_agree()
        changed = [f"{key} was {then[key]}, is {now[key]}" for key in now if then[key] != now[key]]
        if changed:
            raise checkpoint.CheckpointError(
                f"{folder}: resuming needs the settings of that run, but " + "; ".join(changed)
            )
        load_weights(self.model, folder)
        checkpoint.set_optimizer_state(self.optimizer, self.model, optimizer)
        self.read_optimizer = optimizer
        if self.ema:
            shapes = {name: value.shape for name, value in self.model.state_dict().items()}
            path = folder / "ema.pdparams"
            self.ema.load_state(fit_state(read_pickle(path), shapes, str(path)))
        self.best = {kind: BestScore(**best) for kind, best in state["best"].items()}
        self.best_before = deepcopy(self.best)
        self.precision.load_state(state["scaler"])
        self.iteration = state["iteration"]
        self.is_validated = state.get("validated", True) or self.val_set is None
        if isinstance(self.rate, paddle.optimizer.lr.CosineAnnealingWarmRestarts):
            self.rate.step(epoch=self.iteration)  # its saved state leaves out where it stood
        for kind in self.best if self.ranks.is_first else ():
            checkpoint.bring(folder.parent / f"{kind}best_model", self.save_dir)
        logger.info(f"Resumed from {folder}, iter {self.iteration}")
        self._warn_of_other_bits(folder, state.get("arithmetic", {}))

    def _warn_of_other_bits(self, folder: Path, then: Dict[str, str]) -> None:
        changed = [
            f"{key} was {then[key] or 'not set'}, is {value or 'not set'}"
            for key, value in arithmetic().items()
            if then.get(key, value) != value
        ]
        if changed:
            logger.warning(
                f"{folder}: {'; '.join(changed)}: the last bits of this run will not be those of "
                "one that was never stopped"
            )
