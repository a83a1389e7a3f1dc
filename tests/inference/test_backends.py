"""Every engine gives the maps of Paddle's layers, whatever the size, or says what is missing; one
is chosen among them, and never another than was asked for.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from paddleseg_u2net.commands import main
from paddleseg_u2net.inference.backends import (
    BACKENDS,
    ENGINES,
    BackendError,
    choice,
    choose,
    eager,
    openvino,
)
from paddleseg_u2net.inference.backends.engine_module import engine_module
from paddleseg_u2net.inference.backends.open_vino import computes_in_bf16, openvino_core
from paddleseg_u2net.inference.network import EngineNetwork
from paddleseg_u2net.io.images import read_image, write_png
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
    with pytest.raises(BackendError, match=rf"--backend {name}.*pip install 'paddleseg_u2net\["):
        ENGINES[name](b"")


def test_threads_and_a_file_instead_of_its_content(engine, tmp_path):
    content = onnx_bytes(narrow.state(), narrow.table(), activation=False, sides=False)
    (tmp_path / "model.onnx").write_bytes(content)
    batch = images(1, 3, 32, 40)
    for source in (tmp_path / "model.onnx", str(tmp_path / "model.onnx")):
        np.testing.assert_allclose(
            engine(source, threads=1)(batch), engine(content)(batch), rtol=1e-4, atol=1e-4
        )


def test_engines_know_the_shapes_of_their_model(engine):
    pytest.importorskip("onnx")
    network = engine(onnx_bytes(narrow.state(2, 4), narrow.table(), 2, 4, sides=False))
    assert (network.num_classes, network.shape) == (2, (None, 4, None, None))
    with pytest.raises(BackendError, match=r"expected an input \(N, 4, H, W\), got \(1, 3, 8, 8\)"):
        network(images(1, 3, 8, 8))


def test_bfloat16_without_a_processor_for_it_is_said():
    pytest.importorskip("onnx")
    pytest.importorskip("openvino")
    able = computes_in_bf16(openvino_core())
    network = openvino(onnx_bytes(narrow.state(), narrow.table(), sides=False), precision="bf16")
    assert ("in float32" in network.note) != able
    assert openvino(onnx_bytes(narrow.state(), narrow.table(), sides=False)).note == ""


def test_bfloat16_that_is_switched_off_is_said(tmp_path):
    """OpenVINO counts it among its capabilities all the same, and then compiles no convolution."""
    pytest.importorskip("onnx")
    pytest.importorskip("openvino")
    model = tmp_path / "model.onnx"
    model.write_bytes(onnx_bytes(narrow.state(), narrow.table(), sides=False))
    program = """
import sys, numpy as np
from paddleseg_u2net.inference.backends import openvino
network = openvino(sys.argv[1], precision="bf16")
print(network(np.zeros((1, 3, 32, 32), np.float32)).shape, network.note)
"""
    command = [sys.executable, "-c", program, str(model)]
    env = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.stdout.startswith("(1, 1, 32, 32) in float32, because OpenVINO cannot"), done.stderr


# ---------------------------------------------------------------- networks of one shape


def fixed(seen, shape=(2, 3, 4, 4), **more):
    def run(batch):
        seen.append(batch.shape)
        return batch[:, :1] * 2

    return EngineNetwork(run, "fake", num_classes=1, shape=shape, **more)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_batches_of_other_sizes_go_through_in_parts(count):
    seen = []
    batch = images(count, 3, 4, 4)
    np.testing.assert_array_equal(fixed(seen)(batch), batch[:, :1] * 2)
    assert seen == [(2, 3, 4, 4)] * -(-count // 2)


def test_another_height_or_width_is_refused():
    with pytest.raises(BackendError, match=r"expected an input \(2, 3, 4, 4\), got \(1, 3, 4, 5\)"):
        fixed([])(images(1, 3, 4, 5))


def test_an_output_of_another_shape_is_refused():
    for gives, found in (
        ("logits", (1, 2, 4, 4)),
        ("probability", (1, 1, 4, 5)),
        ("argmax", (1, 1, 4, 4)),
    ):
        network = EngineNetwork(
            lambda batch, found=found: np.zeros(found, np.float32), "fake", gives, 1
        )
        with pytest.raises(BackendError, match=r"the model makes \(1, "):
            network(images(1, 3, 4, 4))


def test_an_engine_that_stops_is_named():
    def stops(batch):
        raise RuntimeError("out of luck")

    with pytest.raises(BackendError, match="backend fake stops at an input .*out of luck"):
        EngineNetwork(stops, "fake")(images(1, 3, 4, 4))


# ---------------------------------------------------------------- the choice


@pytest.fixture
def installed(monkeypatch):
    """What is installed, and whether Paddle finds a GPU, as the test says."""

    def say(*packages, gpu=False):
        monkeypatch.setattr(choice, "is_installed", lambda name: name in packages)
        monkeypatch.setattr(choice, "_has_gpu", lambda: gpu)

    return say


EVERYTHING = ("paddle", "paddleseg", "onnx", "onnxruntime", "openvino", "ncnn")


@pytest.mark.parametrize(
    ("kind", "packages", "expected"),
    [
        ("weights", ("paddle", "paddleseg"), "paddle"),
        ("weights", ("paddle", "paddleseg", "onnx", "onnxruntime"), "onnxruntime"),
        ("weights", ("paddle", "paddleseg", "onnxruntime"), "paddle"),  # onnx makes its model
        ("weights", ("onnx", "openvino"), "openvino"),
        ("weights", EVERYTHING, "ncnn"),
        ("onnx", EVERYTHING, "onnxruntime"),
        ("onnx", ("openvino",), "openvino"),
        ("openvino", EVERYTHING, "openvino"),
        ("paddle", EVERYTHING, "paddle-inference"),
    ],
)
def test_auto_takes_the_fastest_that_is_there(installed, kind, packages, expected):
    installed(*packages)
    found = choose("auto", "auto", kind)
    assert (found.backend, found.device) == (expected, "cpu")
    assert str(found).startswith(f"backend {expected} (auto: ")


def test_fewer_bits_are_openvinos(installed):
    installed(*EVERYTHING)
    assert choose("auto", "auto", "onnx", "int8").backend == "openvino"
    assert "int8" in str(choose("auto", "auto", "onnx", "int8"))
    assert choose("auto", "auto", "onnx", "fp16").backend == "onnxruntime"


@pytest.mark.parametrize("kind", ["weights", "onnx", "openvino", "paddle"])
def test_auto_without_anything_says_what_to_install(installed, kind):
    installed()
    with pytest.raises(BackendError, match=r"no backend .*pip install 'paddleseg_u2net\["):
        choose("auto", "auto", kind)


@pytest.mark.parametrize("kind", ["weights", "paddle"])
def test_auto_takes_a_gpu(installed, kind):
    installed(*EVERYTHING, gpu=True)
    assert choose("auto", "auto", kind)[:2] == (
        "paddle" if kind == "weights" else "paddle-inference",
        "gpu",
    )
    assert choose("auto", "cpu", kind).device == "cpu"
    assert choose("auto", "auto", "onnx").device == "cpu"


def test_a_device_leads_to_paddle(installed):
    installed(*EVERYTHING)
    assert choose("auto", "gpu")[:2] == ("paddle", "gpu")
    assert choose("auto", "xpu")[:2] == ("paddle", "xpu")
    assert choose("auto", "gpu", "paddle")[:2] == ("paddle-inference", "gpu")


def test_what_is_named_is_taken_or_refused(installed):
    installed(*EVERYTHING)
    for name in ("paddle", "onnxruntime", "openvino", "ncnn"):
        assert str(choose(name)) == f"backend {name}"
    installed("paddle", "paddleseg")
    for name in ("onnxruntime", "openvino", "ncnn"):
        with pytest.raises(BackendError, match=f"--backend {name}: {name} is not installed"):
            choose(name)
    with pytest.raises(BackendError, match="expected auto, paddle"):
        choose("onnx")


@pytest.mark.parametrize(
    ("backend", "kind"),
    [
        ("paddle-inference", "weights"),
        ("paddle", "onnx"),
        ("paddle", "paddle"),
        ("onnxruntime", "openvino"),
        ("openvino", "paddle"),
    ],
)
def test_a_backend_that_does_not_fit_the_file_is_refused(installed, backend, kind):
    installed(*EVERYTHING)
    with pytest.raises(BackendError, match=f"--backend {backend}: it runs .*, not "):
        choose(backend, "auto", kind)


def test_a_device_that_a_backend_does_not_serve_is_refused(installed):
    installed(*EVERYTHING)
    for backend in ("onnxruntime", "openvino", "ncnn"):
        with pytest.raises(BackendError, match=f"--device gpu: --backend {backend} computes on"):
            choose(backend, "gpu")
    for kind in ("onnx", "openvino"):
        with pytest.raises(BackendError, match=f"--device gpu: no backend .* exported as {kind}"):
            choose("auto", "gpu", kind)


def test_a_folder_of_a_packages_name_is_no_package(tmp_path, monkeypatch):
    (tmp_path / "nobody_has_this").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert not choice.is_installed("nobody_has_this")
    assert choice.is_installed("numpy")


def test_the_command_refuses_another_device(capsys, tmp_path, drawn):
    write_weights(tmp_path / "model.pth", narrow.state())
    arguments = ["--image_path", str(drawn / "images"), "--model_path", str(tmp_path / "model.pth")]
    assert main("predict", [*arguments, "--backend", "ncnn", "--device", "gpu"]) == 1
    assert "--device gpu: --backend ncnn computes on the CPU" in capsys.readouterr().err


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ENGINES))
def test_official_maps_are_those_of_paddle(shared, name):
    pytest.importorskip("onnx")
    pytest.importorskip(name)
    from paddleseg_u2net.predictor.load import load_model
    from paddleseg_u2net.render import saliency

    weights = str(shared / "weights/u2netp.pth")
    maps = [load_model(weights, backend=backend).pipeline for backend in ("paddle", name)]
    for path in sorted((shared / "data/ecssd_300/images").iterdir())[::60]:
        image = read_image(path)
        ours, theirs = (saliency(predictor(image)[0]).astype(int) for predictor in maps)
        assert np.abs(ours - theirs).max() <= 1  # a value between two grey levels
        assert (ours != theirs).mean() < 1e-3


def test_names():
    assert BACKENDS == ("paddle", "paddle-inference", "onnxruntime", "openvino", "ncnn")


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


def test_signals_may_come_after_openvino_is_done(tmp_path):
    """With the stack for signals gone, the next one ends the process without a word."""
    pytest.importorskip("openvino")
    (tmp_path / "model.onnx").write_bytes(onnx_bytes(narrow.state(), narrow.table(), sides=False))
    code = """
import faulthandler, gc, os, signal, sys, threading
faulthandler.enable()  # so that there is such a stack
import numpy as np
from paddleseg_u2net.inference.backends import openvino
networks = [openvino(sys.argv[1])]
networks[0](np.zeros((1, 3, 16, 16), np.float32))
def done():
    networks.clear()
    gc.collect()
thread = threading.Thread(target=done)
thread.start()
thread.join()
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
os.kill(os.getpid(), signal.SIGUSR1)
"""
    words = [sys.executable, "-c", code, str(tmp_path / "model.onnx")]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_may_use_openvino_after_its_parent_did(tmp_path):
    pytest.importorskip("openvino")
    (tmp_path / "model.onnx").write_bytes(onnx_bytes(narrow.state(), narrow.table(), sides=False))
    code = """
import os, sys
import numpy as np
from paddleseg_u2net.inference.backends import openvino
def use():
    return openvino(sys.argv[1], threads=1)(np.zeros((1, 3, 16, 16), np.float32)).shape
assert use() == (1, 1, 16, 16)
child = os.fork()
if child == 0:
    os._exit(0 if use() == (1, 1, 16, 16) else 1)
sys.exit(os.waitpid(child, 0)[1])
"""
    words = [sys.executable, "-c", code, str(tmp_path / "model.onnx")]
    subprocess.run(words, check=True, timeout=60)


def test_openvino_tells_nobody_of_its_start():
    pytest.importorskip("openvino")
    code = (
        "import sys; from paddleseg_u2net.inference.backends.engine_module import engine_module; "
        "engine_module('openvino', 'openvino').Core(); "
        "assert 'openvino_telemetry' not in sys.modules, sys.modules['openvino_telemetry']"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_onnxruntime_tells_nobody_of_its_start(tmp_path):
    pytest.importorskip("onnxruntime")
    code = (
        "import sys; from paddleseg_u2net.inference.backends import onnxruntime; "
        "onnxruntime(sys.stdin.buffer.read())"
    )
    model = onnx_bytes(narrow.state(), narrow.table(), sides=False)
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", code], check=True, input=model, env=environment)
    assert list(tmp_path.iterdir()) == []  # it keeps what it is going to tell in the home folder


def test_the_environment_stays_as_it_was(monkeypatch):
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    before = dict(os.environ), sys.modules.get("openvino_telemetry", "absent")
    engine_module("json", "ncnn")
    assert (dict(os.environ), sys.modules.get("openvino_telemetry", "absent")) == before


def test_imports_that_overlap_tell_nobody_and_leave_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    monkeypatch.delitem(sys.modules, "openvino_telemetry", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "openvino_telemetry.py").write_text("")
    (tmp_path / "first_engine.py").write_text("import time; time.sleep(0.2)")
    (tmp_path / "second_engine.py").write_text(
        "import os, time\ntime.sleep(0.4)\npolicy = os.environ.get('GOMP_SPINCOUNT')\n"
        "try:\n    import openvino_telemetry\nexcept ImportError:\n    told = False\n"
        "else:\n    told = True\n"
    )
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(engine_module, "first_engine", "openvino")
        time.sleep(0.1)
        second = pool.submit(engine_module, "second_engine", "openvino").result()
        first.result()
    assert (second.policy, second.told) == ("20000", False)
    assert "GOMP_SPINCOUNT" not in os.environ and "openvino_telemetry" not in sys.modules
