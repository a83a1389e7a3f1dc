from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import paddleseg_u2net  # noqa: F401  (before Paddle 2.6.2, which crashes otherwise)

# isort: split
import paddle

from paddleseg_u2net.onednn import library, memory, primitives
from paddleseg_u2net.onednn.primitives import Convolution, Shape

if library.library() is None:
    pytest.skip("Paddle brings no oneDNN here", allow_module_level=True)

USED = """
from paddleseg_u2net.env import load_paddle
load_paddle(with_paddleseg=False)
from paddleseg_u2net.onednn.library import library
print(library() is not None)
"""


@pytest.mark.parametrize("value, used", [("1", "True"), ("0", "False")])
def test_a_variable_switches_it_off(value, used):
    environment = {**os.environ, library.SWITCH: value}
    told = subprocess.run([sys.executable, "-c", USED], env=environment, capture_output=True)
    assert told.stdout.decode().strip() == used


def test_another_version_is_not_used(monkeypatch):
    def other(*_, **__):
        raise OSError("no such library")

    monkeypatch.setattr(library.ctypes, "CDLL", other)
    assert library.library.__wrapped__() is None


def test_what_onednn_refuses_is_named():
    with pytest.raises(RuntimeError, match=r"convolution_forward.*invalid arguments.*U2NET_ONEDNN"):
        primitives.convolution.__wrapped__(Convolution(Shape(1, 3, 8, 8), 0, -1, False, 3))


def test_memory_that_is_too_small_is_refused():
    primitive = primitives.sum_of_two(Shape(1, 2, 3, 4))
    right, wrong = np.zeros(24, np.float32), np.zeros(23, np.float32)
    given = {library.SRC: right, library.SRC_1: right, library.DST: wrong}
    with pytest.raises(RuntimeError, match="needs 96 bytes as argument 17, got 92"):
        primitive(given)
    with pytest.raises(RuntimeError, match="other memory"):
        primitive({library.SRC: right})


def test_layouts_go_there_and_back():
    values = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    inside, back = np.empty((2, 4, 5, 3), np.float32), np.empty_like(values)
    shape = Shape(*values.shape)
    primitives.from_nchw(shape)({library.SRC: values, library.DST: inside})
    primitives.to_nchw(shape)({library.SRC: inside, library.DST: back})
    assert np.array_equal(inside, values.transpose(0, 2, 3, 1))
    assert np.array_equal(back, values)


def test_freed_memory_serves_again_and_never_grows():
    pool = memory._Pool()
    size = 1 << 20
    areas = [pool.take(size) for _ in range(3)]
    for area in areas:
        pool.give_back(area)
    assert pool.take(size) in areas
    pool.take(2 * size)  # for which two others have to go
    assert (pool._used, pool._kept, pool._most) == (3 * size, 0, 3 * size)


def test_threads_do_not_disturb_each_other():
    from paddleseg_u2net.models import RSU

    block = RSU(4, 3, 8, 16)
    block.eval()
    images = [paddle.randn([1, 3, 40 + 8 * index, 48]) for index in range(4)]
    with paddle.no_grad():
        expected = [block(image).numpy() for image in images]
    wrong = []

    def work(index):
        with paddle.no_grad():
            for _ in range(10):
                if not np.array_equal(block(images[index]).numpy(), expected[index]):
                    wrong.append(index)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
