"""``--profiler_options``: what is recorded, what is refused."""

import json
import re

import pytest

from paddleseg_u2net.training.profiler import ProfilerOptions, StepProfiler
from tests.training.runs import train, trainer_of


def test_steps_are_profiled_to_a_table_and_a_trace(tmp_path, tiny, log):
    text = "batch_range=[1, 3]; sorted_key=ave; exit_on_finished=false"
    trainer = train(tiny, tmp_path, profiler_options=text)
    assert trainer.iteration == 4 and (tmp_path / "iter_4").is_dir()
    trace = json.loads((tmp_path / "profile/trace.json").read_text())["traceEvents"]
    names = [event.get("name", "") for event in trace]
    assert sum(name.startswith("ProfileStep#") for name in names) == 2
    # a convolution of each of the network's stages, forward and backward, in each of two steps
    assert sum(name.startswith("conv2d dygraph") for name in names) >= 2
    table = (tmp_path / "profile/summary.txt").read_text()
    assert re.search(r"ProfileStep +2 ", table) and "Operator Summary" in table
    assert "batches 1 to 2 of this start: batch_cost" in log.text and "Model Summary" in log.text


def test_a_run_ends_with_its_profile_as_in_paddleseg(tmp_path, tiny, log):
    trainer = train(tiny, tmp_path, profiler_options="batch_range=[0,2];timer_only=True")
    assert trainer.iteration == 2
    assert "batch_cost" in log.text and "The run ends here" in log.text
    assert not (tmp_path / "profile").exists()


def test_other_processes_end_at_the_same_step(tmp_path):
    profiler = StepProfiler("batch_range=[1,3]", tmp_path, first=False)
    assert list(profiler.over(iter([[], [], [], []]), 4)) == [[], [], []]
    assert not list(tmp_path.iterdir())


def test_without_options_nothing_is_between(tmp_path):
    steps = iter([])
    assert StepProfiler(None, tmp_path).over(steps, 0) is steps


def test_all_keys_are_read():
    text = "state=CPU; sorted_key=max;tracer_option = OpDetail ; profile_path=a/b; timer_only=0;"
    assert ProfilerOptions.parse(text) == ProfilerOptions(
        (10, 20), "CPU", "max", "OpDetail", "a/b", False, True
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("batch_rang=[1,2]", "keys batch_range, state, .* got 'batch_rang=.*did you mean batch_ra"),
        ("batch_range", "expected key=value"),
        ("batch_range=[2,2]", r"batch_range: expected two whole numbers such as \[50, 60\]"),
        ("batch_range=[1]", "expected two whole"),
        ("batch_range=[1,9]", "expected numbers up to 4, as many iterations .* got 9"),
        ("sorted_key=calls", "sorted_key: expected one of total, ave, max, min, got 'calls'"),
        ("state=GPU; batch_range=[0,1]", "this run is on no GPU"),
        ("timer_only=perhaps", "timer_only: expected true or false, got 'perhaps'"),
        ("state=CPU;state=All", "state stands twice"),
    ],
)
def test_what_cannot_be_is_refused_before_training(tmp_path, tiny, text, words):
    with pytest.raises(ValueError, match=f"--profiler_options: .*{words}"):
        trainer_of(tiny, tmp_path, profiler_options=text).run()
    assert not list(tmp_path.glob("iter_*"))
