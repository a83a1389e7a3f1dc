"""Validation while training: scores of the model and of its average, and the best of each kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, ContextManager, Dict

from paddleseg_u2net.config import Config
from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.inference import Pipeline
from paddleseg_u2net.inference.backends.paddle_layers import eager
from paddleseg_u2net.log import logger
from paddleseg_u2net.training import checkpoint
from paddleseg_u2net.training.best_score import BestScore
from paddleseg_u2net.training.distributed import Distributed
from paddleseg_u2net.training.ema import EMA
from paddleseg_u2net.training.logger import TrainingLogger
from paddleseg_u2net.training.validation import evaluate, lines

Context = Callable[[], ContextManager[Any]]


@dataclass
class Validator:
    """Scores a model and its average on a data set, and saves those that are the best so far.

    Args:
        config: preprocessing, metrics and so on.
        dataset: what is validated on; each process validates its share.
        num_workers: processes that read.
        save_dir: where the best models are saved.
        autocast: what the model's forward pass runs in.
        held: what its weights are exchanged in, so that no signal comes between.
        log: where scores and pictures go.
    """

    config: Config
    dataset: PairDataset
    distributed: Distributed
    num_workers: int
    save_dir: Path
    autocast: Context
    held: Context
    log: TrainingLogger

    def run(self, model: Any, ema: EMA, best: Dict[str, BestScore], step: int) -> Dict[str, Any]:
        """Score ``model``, which has its own weights again afterwards, and its average if any.

        Args:
            best: updated; by kind, "" and "ema_".
            step: the iteration that the model is of.

        Returns:
            The scores of ``model``.
        """
        model.eval()
        network, config = eager(model, self.autocast), self.config
        pipeline = Pipeline(network, config.preprocess(), config.augment(), config.window())
        scores = self._score("", model, pipeline, best[""], step)
        if self.distributed.is_first:
            self.log.pictures(pipeline, self.dataset, config.trainer.vdl_images, step)
        if ema.average:
            kept = {name: value.clone() for name, value in model.state_dict().items()}
            try:
                with self.held():
                    _set_weights(model, ema.average)
                self._score("ema_", model, pipeline, best["ema_"], step)
            finally:
                with self.held():
                    _set_weights(model, kept)
        return scores

    def _score(
        self, kind: str, model: Any, pipeline: Pipeline, best: BestScore, step: int
    ) -> Dict[str, Any]:
        report = evaluate(
            pipeline,
            self.dataset,
            self.config.report([best.metric]),
            self.config.test.batch_size,
            self.num_workers,
            self.distributed,
        )
        scores = report.compute()
        for line in lines(report, self.dataset.classes):
            logger.info(line.replace("[EVAL]", "[EVAL] EMA") if kind else line)
        self.log.evaluated(report, step, kind)
        # Before the iteration's checkpoint, which has this score: a run that is resumed from it
        # must find the model.
        if best.update(scores, step) and self.distributed.is_first:
            checkpoint.save(
                self.save_dir / f"{kind}best_model",
                checkpoint.weights_of(model),
                str(self.config),
                {"iteration": step, "scores": scores},
            )
        name = "EMA model" if kind else "model"
        logger.info(
            f"[EVAL] The {name} with the best validation {best.metric} ({best.value:.4f}) was "
            f"saved at iter {best.iteration}."
        )
        return scores


def _set_weights(model: Any, weights: Dict[str, Any]) -> None:
    """Set a model's weights, in the dtype that each of its tensors has (half, at O2)."""
    own = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    model.set_state_dict({name: value.astype(own[name].dtype) for name, value in weights.items()})
