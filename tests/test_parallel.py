"""Several processes give what one gives; a dead one is an error, not a wait without end."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from paddleseg_u2net.parallel import parallel_map

ROOT = Path(__file__).resolve().parents[1]
LINGER = (
    "import sys; from pathlib import Path; from paddleseg_u2net.parallel import parallel_map; "
    "from tests.test_parallel import _linger; "
    "list(parallel_map(_linger, [Path(sys.argv[1])] * 8, 2))"
)


def _square(number):
    return number * number


def _add(number, other):
    return number + other


def _die(number):
    os.kill(os.getpid(), signal.SIGKILL)


def _process(_):
    return os.getpid()


def _note(number, folder):
    (folder / str(number)).touch()
    return number


@pytest.mark.parametrize("workers", [0, 3])
def test_answers_in_order(workers):
    assert list(parallel_map(_square, range(11), workers)) == [n * n for n in range(11)]
    assert list(parallel_map(partial(_add, other=3), [1, 2], workers)) == [4, 5]
    assert list(parallel_map(_square, [], workers)) == []


def test_works_elsewhere_only_if_worth_it():
    assert set(parallel_map(_process, [1, 2, 3], 0)) == {os.getpid()}
    assert set(parallel_map(_process, [1], 2)) == {os.getpid()}
    assert os.getpid() not in set(parallel_map(_process, [1, 2, 3], 2))


def test_a_dead_process_is_an_error():
    with pytest.raises(ChildProcessError, match="2 worker processes died.*--workers"):
        list(parallel_map(_die, [1, 2, 3], 2))


def test_stopping_early_stops_the_work(tmp_path):
    answers = parallel_map(partial(_note, folder=tmp_path), range(1000), 2)
    assert next(answers) == 0
    answers.close()
    done = len(list(tmp_path.iterdir()))
    time.sleep(0.2)
    assert len(list(tmp_path.iterdir())) == done < 100


@pytest.mark.skipif(os.name == "nt", reason="signals to a group of processes")
def test_ctrl_c_ends_all_processes_at_once(tmp_path):
    code = f"try:\n    {LINGER}\nexcept KeyboardInterrupt: print('interrupted')"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _until(lambda: len(list(tmp_path.iterdir())) == 2)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert out == "interrupted\n"
    assert "Traceback" not in err


@pytest.mark.skipif(os.name == "nt", reason="processes are looked up in /proc")
def test_processes_end_with_their_parent(tmp_path):
    parent = subprocess.Popen([sys.executable, "-c", LINGER, str(tmp_path)], cwd=ROOT)
    _until(lambda: len(list(tmp_path.iterdir())) == 2)
    parent.kill()
    parent.wait()
    workers = [int(file.name) for file in tmp_path.iterdir()]
    _until(lambda: not any(_runs(pid) for pid in workers))


def _linger(folder):
    (folder / str(os.getpid())).touch()
    time.sleep(60)


def _runs(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def _until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
