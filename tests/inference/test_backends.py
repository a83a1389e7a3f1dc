"""Every engine gives the maps of Paddle's layers, whatever the size, or says what is missing."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from paddleseg_u2net.commands import main
from paddleseg_u2net.images import read_image, write_png
from paddleseg_u2net.inference.backends import BACKENDS, ENGINES, BackendError, eager
from paddleseg_u2net.models import U2Net
from paddleseg_u2net.weights import fold_biases, write_weights
from paddleseg_u2net.weights.onnx_write import onnx_bytes
from tests.weights import narrow

# Sums in another order; see the comparisons of conversions.
ROUNDING = 5e-4


def images(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.fixture(params=sorted(ENGINES))
def engine(request):
    pytest.importorskip("onnx")
    pytest.importorskip(request.param)
    return ENGINES[request.param]


def both(engine, num_classes=1, in_channels=3):
    """(Paddle's layers, the engine) with the same random weights."""
    state, table = narrow.state(num_classes, in_channels), narrow.table()
    model = U2Net(num_classes, in_channels, table)
    model.set_state_dict(fold_biases(state))
    model.eval()
    content = onnx_bytes(state, table, num_classes, in_channels, activation=False, sides=False)
    return eager(model), engine(content)


def assert_same(ours, theirs):
    assert ours.shape == theirs.shape and theirs.dtype == np.float32
    assert np.abs(ours - theirs).max() <= ROUNDING * np.abs(ours).max()


@pytest.mark.parametrize("shape", [(1, 64, 96), (3, 64, 96), (2, 33, 47), (1, 1, 1), (1, 5, 300)])
def test_any_size_and_batch(engine, shape):
    paddle, other = both(engine)
    batch = images(shape[0], 3, *shape[1:])
    assert_same(paddle(batch), other(batch))


@pytest.mark.parametrize(("num_classes", "in_channels"), [(2, 3), (1, 4), (3, 1)])
def test_classes_and_channels(engine, num_classes, in_channels):
    paddle, other = both(engine, num_classes, in_channels)
    batch = images(2, in_channels, 48, 40)
    assert_same(paddle(batch), other(batch))


def test_many_sizes_in_turn_and_views(engine):
    _, other = both(engine)
    batches = [images(1, 3, 16 + 8 * n, 24, seed=n) for n in range(6)]
    first = [other(batch) for batch in batches]
    for batch, expected in zip(batches, first):  # plans of earlier sizes were dropped meanwhile
        np.testing.assert_array_equal(other(batch), expected)
        turned = np.ascontiguousarray(batch[:, :, ::-1])[:, :, ::-1]
        np.testing.assert_array_equal(other(turned), expected)


def test_threads_may_overlap(engine):
    _, other = both(engine)
    batches = [images(1, 3, 32, 32 + 8 * (n % 3), seed=n) for n in range(12)]
    expected = [other(batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        for ours, alone in zip(pool.map(other, batches), expected):
            np.testing.assert_array_equal(ours, alone)


def test_results_are_not_overwritten_by_the_next(engine):
    _, other = both(engine)
    first = other(images(1, 3, 32, 32))
    kept = first.copy()
    other(images(1, 3, 32, 32, seed=1))
    np.testing.assert_array_equal(first, kept)


def test_a_broken_model_is_an_error_of_the_backend(engine):
    with pytest.raises(BackendError, match="does not load the model"):
        engine(b"\x08\x07no model")


@pytest.mark.parametrize("name", sorted(ENGINES))
def test_a_backend_that_is_missing_says_what_to_install(monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BackendError, match=f"--backend {name}.*pip install {name} onnx"):
        ENGINES[name](b"")


def test_engines_compute_on_the_cpu_only(capsys, tmp_path):
    arguments = ["--image_path", str(tmp_path), "--backend", "openvino", "--device", "gpu"]
    assert main("predict", arguments) == 1
    assert "--device gpu: --backend openvino computes on the CPU" in capsys.readouterr().err


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ENGINES))
def test_official_maps_are_those_of_paddle(shared, name):
    pytest.importorskip("onnx")
    pytest.importorskip(name)
    from paddleseg_u2net.engine import trained
    from paddleseg_u2net.render import saliency

    weights = str(shared / "weights/u2netp.pth")
    maps = [trained.load(weights, None, [], backend)[2] for backend in ("paddle", name)]
    for path in sorted((shared / "data/ecssd_300/images").iterdir())[::60]:
        image = read_image(path)
        ours, theirs = (saliency(predictor(image)[0]).astype(int) for predictor in maps)
        assert np.abs(ours - theirs).max() <= 1  # a value between two grey levels
        assert (ours != theirs).mean() < 1e-3


def test_names():
    assert BACKENDS == ("paddle", "onnxruntime", "openvino")


@pytest.mark.parametrize("name", sorted(ENGINES))
def test_pictures_of_the_command_are_those_of_paddle(name, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip(name)
    write_weights(tmp_path / "model.pdparams", narrow.state())
    rng = np.random.default_rng(0)
    write_png(tmp_path / "in/one.png", rng.integers(0, 256, (50, 70, 3)).astype(np.uint8))
    for backend in ("paddle", name):
        arguments = ["--model_path", str(tmp_path / "model.pdparams"), "--backend", backend]
        arguments += ["--image_path", str(tmp_path / "in"), "--save_dir", str(tmp_path / backend)]
        assert main("predict", [*arguments, "--opts", "preprocess.size=[64,64]"]) == 0
    ours, theirs = (
        read_image(tmp_path / backend / "saliency/one.png", 1).astype(int)
        for backend in ("paddle", name)
    )
    assert ours.std() > 1 and np.abs(ours - theirs).max() <= 1
