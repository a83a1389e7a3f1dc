"""``--profiler_options``: Paddle's profiler over some steps of a run, in the words of PaddleSeg."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple, Type

import paddle
from paddle.profiler import Profiler, ProfilerTarget, SortedKeys, SummaryView

from paddleseg_u2net.io.files import check_writable, write_text
from paddleseg_u2net.log import logger
from paddleseg_u2net.text import did_you_mean

Batches = List[Tuple[paddle.Tensor, paddle.Tensor]]  # of a step: images and labels
_FLAG = "--profiler_options"
_SORTED = {"total": "Total", "ave": "Avg", "max": "Max", "min": "Min"}
_CHOICES = {
    "state": ("All", "CPU", "GPU"),
    "sorted_key": tuple(_SORTED),
    "tracer_option": ("Default", "OpDetail", "AllOpDetail"),
}
_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True)
class ProfilerOptions:
    """What is profiled, and how."""

    batch_range: Tuple[int, int] = (10, 20)  # of this start, counted from 0, without the last
    state: str = "All"  # on the processor, the GPU or both
    sorted_key: str = "total"
    tracer_option: str = "Default"
    profile_path: str = ""  # the folder; save_dir/profile by default
    timer_only: bool = False  # the cost of a step, nothing of its parts
    exit_on_finished: bool = True

    @classmethod
    def parse(cls: Type[ProfilerOptions], text: str) -> ProfilerOptions:
        """Read ``batch_range=[50, 60]; timer_only=true``; ValueError names what is known."""
        known = {item.name: item.default for item in fields(cls)}
        given: Dict[str, Any] = {}
        for item in filter(None, map(str.strip, text.split(";"))):
            key, equals, value = (part.strip() for part in item.partition("="))
            if not equals or key not in known:
                raise ValueError(
                    f"{_FLAG}: expected key=value; key=value with the keys {', '.join(known)}, got "
                    f"{item!r}{did_you_mean(key, known)}"
                )
            if key in given:
                raise ValueError(f"{_FLAG}: {key} stands twice; keep one of the two")
            given[key] = _value(key, value, known[key])
        return cls(**given)


def _value(key: str, text: str, default: Any) -> Any:
    if key == "batch_range":
        with contextlib.suppress(ValueError):
            first, last = map(int, text.strip("[]() ").split(","))
            if 0 <= first < last:
                return first, last
        expected = "two whole numbers such as [50, 60], the first from 0 on and below the second"
    elif isinstance(default, bool):
        if text.lower() in _WORDS:
            return _WORDS[text.lower()]
        expected = "true or false"
    elif key not in _CHOICES or text in _CHOICES[key]:
        return text
    else:
        expected = f"one of {', '.join(_CHOICES[key])}"
    raise ValueError(f"{_FLAG}: {key}: expected {expected}, got {text!r}")


class StepProfiler:
    """A profile of some steps of a run; without options it does nothing.

    Only the ``first`` of several processes records; all end when the profile is made.
    """

    def __init__(self, options: Optional[str], save_dir: Path, first: bool = True) -> None:
        self.options = None if options is None else ProfilerOptions.parse(options)
        self.folder = save_dir / "profile"
        self._first = first
        if self.options is None:
            return
        if self.options.profile_path:
            self.folder = Path(self.options.profile_path)
        check_writable(self.folder, folder=True, name=f"{_FLAG} profile_path={self.folder}")
        on_gpu = paddle.device.get_device().startswith("gpu")
        if self.options.state == "GPU" and not on_gpu:
            raise ValueError(f"{_FLAG}: state=GPU: this run is on no GPU; take state=CPU or All")
        targets = {"All": ["CPU", "GPU"] if on_gpu else ["CPU"]}.get(
            self.options.state, [self.options.state]
        )
        self._targets = [getattr(ProfilerTarget, name) for name in targets]
        self._sorted = getattr(SortedKeys, targets[-1] + _SORTED[self.options.sorted_key])

    def over(self, steps: Iterator[Batches], count: int) -> Iterator[Batches]:
        """The ``count`` steps' batches as they come, profiled; fewer where the run is for that."""
        last = self.options.batch_range[1] if self.options else 0
        if last > count:
            raise ValueError(
                f"{_FLAG}: batch_range: expected numbers up to {count}, as many iterations as this "
                f"start has, got {last}"
            )
        return self._profiled(steps) if self.options else steps

    def _profiled(self, steps: Iterator[Batches]) -> Iterator[Batches]:
        assert self.options is not None
        profiler: Any = None
        first, last = self.options.batch_range
        number, ready = 0, max(first - 1, 0)  # the batch before warms the profiler up
        try:
            while number < last or not self.options.exit_on_finished:
                if number == ready and self._first:
                    profiler = self._started(first - ready, last - ready)
                if number == first and profiler is not None:
                    profiler.step_info()  # what it says next is since here
                batches = next(steps, None)
                if batches is None:
                    return
                yield batches
                number += 1
                if profiler is not None:
                    profiler.step(num_samples=sum(len(images) for images, _ in batches))
                if profiler is not None and number == last:
                    cost, made = profiler.step_info(unit="samples").strip(), profiler
                    profiler = None
                    made.stop()
                    self._write(made, cost)
        finally:
            if profiler is not None:  # the run was cut
                profiler.stop()

    def _started(self, first: int, last: int) -> Any:
        assert self.options is not None
        # Without anything that it writes when it is stopped: a run that is cut leaves nothing.
        profiler = Profiler(
            targets=self._targets,
            scheduler=(first, last),
            timer_only=self.options.timer_only,
            on_trace_ready=lambda profiler: None,
        )
        profiler.start()
        return profiler

    def _write(self, profiler: Any, cost: str) -> None:
        assert self.options is not None
        first, last = self.options.batch_range
        logger.info(f"[PROFILE] batches {first} to {last - 1} of this start: {cost}")
        if not self.options.timer_only:
            self.folder.mkdir(parents=True, exist_ok=True)
            trace, table = self.folder / "trace.json", self.folder / "summary.txt"
            profiler.export(str(trace), format="json")
            detail = self.options.tracer_option != "Default"
            write_text(table, _said(profiler, sorted_by=self._sorted, op_detail=detail))
            views = [SummaryView.OverView, SummaryView.ModelView]
            logger.info(f"[PROFILE]\n{_said(profiler, sorted_by=self._sorted, views=views)}")
            logger.info(
                f"[PROFILE] All operators are in {table}; open {trace} in chrome://tracing or "
                "ui.perfetto.dev"
            )
        if self.options.exit_on_finished:
            logger.info("[PROFILE] The run ends here; with exit_on_finished=false it would go on")


def _said(profiler: Any, **how: Any) -> str:
    """What Paddle prints of a profile."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        profiler.summary(time_unit="ms", **how)
    return text.getvalue().strip() + "\n"
