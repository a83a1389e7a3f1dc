"""A process is killed, stopped or fails, or was started otherwise: all end, and say why."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest
import yaml

from paddleseg_u2net.io.locks import locked
from paddleseg_u2net.training import checkpoint
from tests.conftest import tiny_config
from tests.training.launching import ROOT, ended, started
from tests.training.runs import train

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="sends signals"),
]
# What only one of the processes does, or all of them slowly.
_PLUGIN = """
import os, signal, time
from paddle import nn
from paddleseg.cvlibs import manager
from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.training.distributed import circle

circle._BETWEEN_BEATS, circle._PATIENCE = 1.0, 6.0  # 3 and 25 are long for who looks on
is_second = os.environ.get("PADDLE_TRAINER_ID") == "1"

@manager.TRANSFORMS.add_component
class Sometimes:
    def __init__(self, does):
        self.does = does

    def __call__(self, data):
        if self.does == "fail" and is_second:
            raise ValueError("no such weather")
        return data

@manager.LOSSES.add_component
class NoNumber(nn.Layer):
    def forward(self, logits, label):
        return logits.mean() * (float("nan") if is_second else 1)

@manager.LOSSES.add_component
class Stops(nn.Layer):
    # the first process waits for its sums in the way back

    def forward(self, logits, label):
        if is_second:
            os.kill(os.getpid(), signal.SIGSTOP)
        return logits.mean()

@manager.MODELS.add_component
class StopsInTheMiddle(nn.Layer):
    # the same in the way forward

    def __init__(self, num_classes=1):
        super().__init__()
        self.conv, self.norm = nn.Conv2D(3, num_classes, 1), nn.BatchNorm2D(num_classes)

    def forward(self, x):
        if is_second and self.training:
            os.kill(os.getpid(), signal.SIGSTOP)
        return [self.norm(self.conv(x))]

@manager.DATASETS.add_component
class Slowly(PairDataset):
    def read(self, index):
        time.sleep(1)
        return super().read(index)
"""


NO_NUMBER = {"types": [{"type": "NoNumber"}], "coef": [1, 1, 1]}


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    path = tmp_path_factory.mktemp("plugin") / "parts.py"
    path.write_text(_PLUGIN)
    return path


@pytest.fixture
def config(tmp_path, drawn, plugin):
    """A function that writes the configuration of a run without an end."""

    def write(does="nothing", **more):
        found = {**tiny_config(drawn), "iters": 100000, "plugins": [str(plugin)], **more}
        found["train_dataset"]["transforms"].insert(0, {"type": "Sometimes", "does": does})
        path = tmp_path / f"{does}.yml"
        path.write_text(yaml.safe_dump(found))
        return path

    return write


def training(config, folder, *words):
    return ["tools/train.py", "--config", config, "--save_dir", folder, "--device", "cpu",
            "--log_iters", 1, "--save_interval", 2, *words]  # fmt: skip


def read_to(process, words):
    """Read what a process says, up to a line with ``words``."""
    said = []
    for line in process.stdout:
        said.append(line)
        if words in line:
            return
    raise AssertionError("".join(said))


def errors_in(said):
    return [line for line in said.splitlines() if line.startswith("Error: ")]


@pytest.mark.parametrize(
    "sent, words",
    [
        (signal.SIGKILL, "process 1 of 2 has ended without a word: it was killed"),
        (signal.SIGSTOP, "process 1 of 2 has given no sign of life for"),
    ],
)
def test_a_process_that_is_lost_in_training(sent, words, config, tmp_path):
    processes = started(2, *training(config(), tmp_path / "run", "--num_workers", 2))
    read_to(processes[0], "iter: 5/")
    sent_at = time.monotonic()
    processes[1].send_signal(sent)
    said = processes[0].communicate(timeout=100)[0]  # its workers have this pipe, too
    assert time.monotonic() - sent_at < 60
    processes[1].kill()
    ended(processes[1:])
    assert processes[0].returncode == 1
    [error] = errors_in(said)
    assert error.startswith(f"Error: {words}") and "Traceback" not in said
    checkpoint.load_state(checkpoint.latest(tmp_path / "run"))
    with locked(tmp_path / "run/run", patience=0):
        pass


STOPS = {"types": [{"type": "Stops"}], "coef": [1, 1, 1]}
IN_THE_MIDDLE = {"types": [{"type": "BCELoss"}], "coef": [1]}


@pytest.mark.parametrize(
    "more",
    [{"loss": STOPS}, {"model": {"type": "StopsInTheMiddle"}, "loss": IN_THE_MIDDLE}],
)
def test_a_process_that_is_lost_within_a_step(more, config, tmp_path):
    processes = started(2, *training(config(**more), tmp_path / "run"))
    said = processes[0].communicate(timeout=100)[0]
    processes[1].kill()
    ended(processes[1:])
    assert processes[0].returncode == 1
    [error] = errors_in(said)
    assert error.startswith("Error: process 1 of 2 has given no sign of life for")
    assert "Traceback" not in said


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_is_killed_in_a_validation(rank, config, tmp_path, tiny, drawn):
    train({**tiny, "iters": 1}, tmp_path / "run")
    slow = {"type": "Slowly", "dataset_root": str(drawn), "val_path": "train_list.txt"}
    words = ["--model_path", tmp_path / "run/iter_1", "--config", config(val_dataset=slow)]
    words += ["--device", "cpu", "--backend", "paddle", "--json", tmp_path / "scores.json"]
    processes = started(2, "tools/val.py", *words)
    read_to(processes[0], "Validating ")
    processes[rank].kill()
    code, said = ended([processes[1 - rank]], 100)[0]
    assert code == 1 and f"Error: process {rank} of 2 has ended" in said
    assert "Traceback" not in said and not (tmp_path / "scores.json").exists()


@pytest.mark.parametrize("rank", [1])  # validation kills the other one, too
def test_a_process_that_is_killed_in_a_prediction(rank, tmp_path, tiny, drawn):
    train({**tiny, "iters": 1}, tmp_path / "run")
    (tmp_path / "images").mkdir()
    photograph = next(drawn.glob("images/*"))
    for number in range(600):
        (tmp_path / f"images/{number}{photograph.suffix}").hardlink_to(photograph)
    result = tmp_path / "result"
    words = ["--image_path", tmp_path / "images", "--save_dir", result]
    words += ["--model_path", tmp_path / "run/iter_1", "--device", "cpu", "--backend", "paddle"]
    processes = started(2, "tools/predict.py", *words)
    while not any(result.glob("*/*.png")):
        time.sleep(0.02)
        assert processes[rank].poll() is None
    processes[rank].kill()
    code, said = ended([processes[1 - rank]], 60)[0]
    assert code == 1 and f"Error: process {rank} of 2 has ended" in said
    assert "Traceback" not in said
    pictures = [cv2.imread(str(path)) for path in result.rglob("*.png")]
    assert pictures and all(picture is not None for picture in pictures)


def test_launch_ends_what_is_left_of_a_run(config, tmp_path):
    words = training(config(), tmp_path / "run", "--num_workers", 1)
    launch = ["-m", "paddle.distributed.launch", "--nproc_per_node", 2, "--log_dir", tmp_path]
    command = [sys.executable, *map(str, [*launch, *words])]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "cwd": ROOT}
    launched = subprocess.Popen(command, **pipes)
    read_to(launched, "iter: 3/")
    listed = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True)
    parents = [list(map(int, line.split())) for line in listed.stdout.splitlines()[1:]]
    children = sorted(pid for pid, parent in parents if parent == launched.pid)
    os.kill(children[1], signal.SIGKILL)
    code, said = ended([launched], 60)[0]
    assert code != 0
    assert "process 1 of 2 has ended without a word" in said and "Traceback" not in said
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


@pytest.mark.parametrize(
    "more, own, of_others",
    [
        ({"does": "fail"}, "no such weather", "process 1 of 2 has ended: "),
        ({"loss": NO_NUMBER}, "iteration 1: the loss is nan", "iteration 1: the loss is nan"),
    ],
)
def test_one_process_that_fails_ends_all(more, own, of_others, config, tmp_path):
    processes = started(2, *training(config(**more), tmp_path / "run"))
    (first, said), (other, theirs) = ended(processes, 100)
    assert first == other == 1
    [error], [their_error] = errors_in(said), errors_in(theirs)
    assert of_others in error and own in error and own in their_error
    assert "Traceback" not in said + theirs
    assert not (tmp_path / "run").exists() or not checkpoint.iterations(tmp_path / "run")


def test_processes_of_different_settings_are_refused(config, tmp_path):
    differ = tmp_path / "differ.sh"
    differ.write_text('exec "$@" --opts batch_size=$((1 + PADDLE_TRAINER_ID))\n')
    words = training(config(), tmp_path / "run")
    processes = started(2, *words, before=["sh", differ])
    for code, said in ended(processes, 100):
        assert code == 1 and "Traceback" not in said
        [error] = errors_in(said)
        assert error == (
            "Error: process 1 of 2 has batch_size: 2 where process 0 has batch_size: 1 "
            "(configuration); start all with the same command, files and versions"
        )
    assert not (tmp_path / "run").exists()


def test_a_port_that_is_taken_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        master = f"127.0.0.1:{server.getsockname()[1]}"
        words = ["tools/predict.py", "--image_path", tmp_path]
        first, other = started(2, *words, PADDLE_MASTER=master)
        code, said = ended([first], 100)[0]
        other.kill()
        assert code == 1 and f"cannot meet the others at {master}: [Errno" in said
