"""A pool of Ray's workers, some of which are killed: no picture is lost, and none done twice."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from paddleseg_u2net.prediction.cluster import ray_data
from paddleseg_u2net.prediction.cluster.worker import MOST_LOSSES, Row, Task
from paddleseg_u2net.removal import Encoding, Options
from tests.prediction.making import picture, predictor, red

pytest.importorskip("ray.data", reason="Ray Data is not installed: make runtimes")
pytestmark = pytest.mark.slow

DEADLY = 7  # the blue of a picture that kills its worker


class Model:
    """Stands for a shipped model: red is the foreground, and one blue is deadly."""

    name, digest = "red", "0"

    def load(self, seconds=0.0, fails=False):
        if fails:
            raise ValueError("red: no such model")

        def network(batch):
            time.sleep(seconds)
            if round(float(batch[0, 2, 0, 0]) * 255) == DEADLY:
                os.kill(os.getpid(), signal.SIGKILL)
            return red(batch)

        return SimpleNamespace(pipeline=predictor(network), in_channels=3)


@pytest.fixture(scope="module")
def cluster():
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with ray_data.connected(ray_data.LOCAL, workers=2, threads=1) as cluster:
        yield cluster
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def rows_of(folder: Path, count: int, deadly=()) -> list:
    for number in range(count):
        array = np.zeros((8, 8, 3), np.uint8)
        array[:4, :, 0] = 255
        array[..., 2] = DEADLY if number in deadly else number % 5
        picture(folder / f"in/{number:03}.png", array)
    names = [f"{number:03}.png" for number in range(count)]
    return [Row(str(folder / "in" / name), str(folder / "out" / name)) for name in names]


def task(**loading):
    return Task(Model(), loading, Options(), Encoding(), "settings")


def workers_of_ray() -> list:
    """The process numbers of actors of pools below this process."""
    parents, found = {}, []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
        if command.startswith(b"ray::MapWorker"):
            found.append(int(folder.name))
    return [number for number in found if os.getpid() in _above(number, parents)]


def _above(number, parents):
    while number in parents:
        number = parents[number]
        yield number


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_a_killed_worker_loses_no_picture(tmp_path, cluster):
    rows = rows_of(tmp_path, 64)
    results, killed = [], []
    for some in ray_data.worked_on(rows, task(seconds=0.05), cluster):
        results += some
        if not killed:
            killed = workers_of_ray()[:1]
            assert len(workers_of_ray()) == 2
            os.kill(killed[0], signal.SIGKILL)
    assert sorted(row["input"] for row in results) == [row.input for row in rows]
    assert {row["state"] for row in results} == {"done"}
    assert all(Path(row.output).is_file() for row in rows)
    assert sum(row["attempt"] > 1 for row in results) in range(1, 17)  # one task was done again


def test_a_picture_that_kills_workers_is_given_up(tmp_path, cluster):
    rows = rows_of(tmp_path, 24, deadly=[5])
    results = [row for some in ray_data.worked_on(rows, task(), cluster) for row in some]
    assert sorted(row["input"] for row in results) == [row.input for row in rows]
    failed = [row for row in results if row["state"] != "done"]
    assert [row["input"] for row in failed] == [rows[5].input]
    assert f"the worker was lost {MOST_LOSSES} times" in failed[0]["error"]
    assert not Path(rows[5].output).exists()


def test_a_model_that_cannot_be_loaded_ends_the_job(tmp_path, cluster):
    with pytest.raises(ray_data.RayError, match="red: no such model"):
        list(ray_data.worked_on(rows_of(tmp_path, 4), task(fails=True), cluster))


def test_no_second_connection(cluster):
    with pytest.raises(ray_data.RayError, match="connected to a Ray already"):
        ray_data._start(ray_data.imported())
