"""Two processes are one with batches of twice the size: gradients, and the losses of 50 steps."""

import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from paddleseg_u2net.config import Config
from paddleseg_u2net.training.checkpoint import CheckpointError
from paddleseg_u2net.training.distributed.agreement import check_resumed, of_run
from paddleseg_u2net.training.options import RunOptions
from tests.conftest import tiny_config
from tests.training.launching import together
from tests.training.record_runs import recorded
from tests.training.runs import train

pytestmark = pytest.mark.slow
# all BatchNorms of the tiny network
FROZEN = {"freeze": ["stage1", "stage2", "stage1d"]}
SQUARES = {"types": [{"type": "Squares"}], "coef": [1, 1, 1]}
JOBS = {
    "synchronised": {},
    "accumulated": {"trainer": {"accumulate": 2}},
    "double": {"precision": "float64", "loss": SQUARES},
    "frozen_double": {"precision": "float64", "loss": SQUARES, "trainer": FROZEN},
    "own_statistics": {"trainer": {"sync_batchnorm": False}},
    "ignored": {"trainer": FROZEN, "masks": "ignored"},
    "resumed": {"iters": 4},
    # in float32 a ReLU that rounding turns the other way is seen some steps later
    "curve": {"iters": 50, "precision": "float64", "loss": SQUARES},
}


@pytest.fixture(scope="module")
def config(tmp_path_factory, drawn):
    """A function that makes the configuration of a job."""
    ignored = shutil.copytree(drawn, tmp_path_factory.mktemp("ignored") / "drawn")
    for number, path in enumerate(sorted(ignored.glob("masks/*"))):
        mask = (cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 127).astype(np.uint8)
        mask[: 6 * number] = 255  # more of them from mask to mask
        cv2.imwrite(str(path), mask)

    def make(name, **more):
        found = {**tiny_config(drawn), "iters": 1, **JOBS[name], **more}
        if found.pop("masks", ""):
            found["train_dataset"].update(dataset_root=str(ignored), mask_values="index")
        return found

    return make


@pytest.fixture(scope="module")
def two(tmp_path_factory, config):
    """What two processes with batches of 2 recorded, by job."""
    folder = tmp_path_factory.mktemp("two")
    train(config("resumed", batch_size=4), folder / "one", save_interval=2)
    jobs = {name: config(name) for name in JOBS}
    jobs["resumed"]["options"] = {"resume_model": str(folder / "one/iter_2")}
    (folder / "jobs.json").write_text(json.dumps(jobs))
    for code, words in together(2, "-m", "tests.training.record_runs", folder / "jobs.json"):
        assert code == 0, words
    found = {}
    for name in JOBS:
        found[name], other = (dict(np.load(folder / f"{name}.{rank}.npz")) for rank in (0, 1))
        for key, value in found[name].items():
            assert np.array_equal(value, other[key]), f"{name}: {key}"
    return found


def difference(found, expected):
    """The largest of gradients, relative to the largest gradient."""
    found, expected = found["gradients"], expected["gradients"]
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize(
    "job, most",
    [("synchronised", 5e-6), ("accumulated", 5e-6), ("double", 1e-11), ("frozen_double", 1e-13)],
)
def test_the_gradient_is_that_of_twice_the_batch(job, most, two, config, tmp_path):
    one = recorded(config(job, batch_size=4), tmp_path)
    assert difference(two[job], one) < most
    assert two[job]["losses"] == pytest.approx(one["losses"], rel=1e-6)


def test_each_process_may_keep_its_own_statistics(two, config, tmp_path):
    one = recorded(config("own_statistics", batch_size=4), tmp_path)
    assert difference(two["own_statistics"], one) > 0.01


def test_processes_count_alike_whatever_they_ignore(two, config, tmp_path):
    # as batches do that one process accumulates: to the bit
    accumulated = config("ignored", trainer={**FROZEN, "accumulate": 2})
    one = recorded(accumulated, tmp_path / "accumulated")
    assert np.array_equal(two["ignored"]["gradients"], one["gradients"])
    # in one batch each pixel counts alike
    one = recorded(config("ignored", batch_size=4), tmp_path / "whole")
    assert difference(two["ignored"], one) > 0.01


def test_the_losses_of_fifty_steps_are_those_of_one(two, config, tmp_path):
    one = recorded(config("curve", batch_size=4), tmp_path)["losses"]
    assert np.abs(two["curve"]["losses"] / one - 1).max() < 1e-5
    assert len(one) == 50 and one[-1] < 0.5 * one[0]


def test_a_run_of_one_process_is_gone_on_with_by_two(two, config, tmp_path):
    one = recorded(config("resumed", batch_size=4), tmp_path)["losses"]
    assert len(one) == 4 and two["resumed"]["losses"] == pytest.approx(one[2:], rel=1e-5)


@pytest.mark.parametrize(
    "then, now, synchronised, words",
    [
        ((4, 2), (4, 3), True, "8 samples can be shared out to 1, 2, 4, 8 processes only"),
        ((4, 2), (2, 2), True, "was 8, is 4; with 2 processes give --batch_size 4"),
        ((4, 2), (8, 1), False, "samples that a BatchNorm sees at once"),
        ((4, 2), (8, 1), True, None),
        ((4, 2), (4, 2), False, None),
    ],
)
def test_what_another_number_of_processes_needs(then, now, synchronised, words, tiny, log):
    def settings(batch_size, processes):
        more = {"batch_size": batch_size, "trainer": {"sync_batchnorm": synchronised}}
        return of_run(Config({**tiny, **more}), RunOptions(), processes, 8)

    asked = Path("iter_2"), settings(*then), settings(*now)
    if words:
        with pytest.raises(CheckpointError, match=re.escape(words)):
            check_resumed(*asked)
    else:
        check_resumed(*asked)
        assert ("Of 2 processes there are 1 now" in log.text) == (then != now)
