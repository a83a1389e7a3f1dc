"""Two processes are one with batches of twice the size: gradients, and the losses of 100 steps."""

import json
import shutil

import cv2
import numpy as np
import pytest

from tests.conftest import tiny_config
from tests.training.launching import together
from tests.training.record_runs import recorded

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
    "curve": {"iters": 100, "optimizer": {"type": "SGD"}},
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
    (folder / "jobs.json").write_text(json.dumps({name: config(name) for name in JOBS}))
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
    [("synchronised", 1e-6), ("accumulated", 1e-6), ("double", 1e-11), ("frozen_double", 1e-13)],
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


def test_the_losses_of_a_hundred_steps_are_those_of_one(two, config, tmp_path):
    one = recorded(config("curve", batch_size=4), tmp_path)["losses"]
    assert np.abs(two["curve"]["losses"] / one - 1).max() < 1e-5
    assert len(one) == 100 and one[-1] < 0.5 * one[0]
