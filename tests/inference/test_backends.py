"""Every engine gives the maps of Paddle's layers, whatever the size, or says what is missing; one
is chosen among them, and never another than was asked for.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from paddleseg_u2net.architecture import Architecture
from paddleseg_u2net.commands import main
from paddleseg_u2net.inference.backends import (
    BackendError,
    choice,
    choose,
    onnx_runtime,
    open_vino,
    paddle_layers,
)
from paddleseg_u2net.inference.backends.backend import EngineNetwork
from paddleseg_u2net.inference.backends.paddle_layers import eager
from paddleseg_u2net.io.images import read_image, write_png
from paddleseg_u2net.models import U2Net
from paddleseg_u2net.predictor.load import network_of_state
from paddleseg_u2net.weights import fold_biases, write_weights
from paddleseg_u2net.weights.onnx_write import onnx_bytes
from tests.inference.exporting import on_engine
from tests.weights import narrow

# Sums in another order; see the comparisons of conversions.
ROUNDING = 5e-4
ENGINES = ("ncnn", "onnxruntime", "openvino")
BY_ONNX = ENGINES[1:]


def images(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.fixture(params=ENGINES)
def engine(request):
    pytest.importorskip("onnx")
    pytest.importorskip(request.param)
    return request.param


@pytest.fixture
def onnx_model():
    pytest.importorskip("onnx")
    return onnx_bytes(narrow.state(), narrow.table(), sides=False)


def network_of(engine, num_classes=1, in_channels=3, threads=None):
    model = Architecture("U2Net", narrow.table(), num_classes, in_channels)
    return network_of_state(narrow.state(num_classes, in_channels), model, engine, threads)


@pytest.mark.parametrize(
    ("num_classes", "shape"),
    [
        *[(1, (3, 3, 64, 96)), (1, (2, 3, 33, 47)), (1, (1, 3, 1, 1))],
        *[(1, (1, 3, 5, 300)), (2, (2, 4, 48, 40)), (3, (2, 1, 48, 40))],
    ],
)
def test_logits_are_those_of_paddles_layers(engine, num_classes, shape):
    model = U2Net(num_classes, shape[1], narrow.table())
    model.set_state_dict(fold_biases(narrow.state(num_classes, shape[1])))
    model.eval()
    ours = eager(model)(images(*shape))
    theirs = network_of(engine, num_classes, shape[1])(images(*shape))
    assert ours.shape == theirs.shape and theirs.dtype == np.float32
    assert np.abs(ours - theirs).max() <= ROUNDING * np.abs(ours).max()


def test_openvino_has_met_numpy_before_threads_overlap(monkeypatch):
    """Two threads that make its first array at once wait for each other for ever, now and then."""
    openvino = pytest.importorskip("openvino")
    made = []
    tensor = openvino.Tensor
    monkeypatch.setattr(openvino, "Tensor", lambda array: made.append(array) or tensor(array))
    open_vino.openvino_core()
    assert len(made) == 1


def test_sizes_in_turn_views_and_overlapping_threads(engine):
    network = network_of(engine, threads=1)
    batches = [images(1, 3, 16 + 8 * n, 24, seed=n) for n in range(6)]
    first = [network(batch) for batch in batches]
    kept = [found.copy() for found in first]
    for batch, expected in zip(batches, first):  # plans of earlier sizes were dropped meanwhile
        turned = np.ascontiguousarray(batch[:, :, ::-1])[:, :, ::-1]
        np.testing.assert_array_equal(network(turned), expected)
    with ThreadPoolExecutor(4) as pool:
        for found, expected in zip(pool.map(network, batches * 2), first * 2):
            np.testing.assert_array_equal(found, expected)
    for found, expected in zip(first, kept):  # nor is a result overwritten by the next
        np.testing.assert_array_equal(found, expected)


class Compiling:
    """Stands for OpenVINO's core and a model of fixed size; it counts what is compiled."""

    is_dynamic, compiled = staticmethod(lambda: False), 0

    def compile_model(self, *_):
        self.compiled += 1
        return SimpleNamespace(create_infer_request=object)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs Linux")
def test_openvino_keeps_no_thread_on_one_core():
    """Two networks of one thread each would share the first core and leave the others idle."""
    pytest.importorskip("openvino")
    network, batch = network_of("openvino", threads=1), np.zeros((1, 3, 256, 256), np.float32)
    network(batch)
    allowed = os.sched_getaffinity(0)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: [network(batch) for _ in range(5)])
        while not running.done():
            for thread in Path("/proc/self/task").iterdir():
                with contextlib.suppress(ProcessLookupError):
                    assert os.sched_getaffinity(int(thread.name)) == allowed


def test_openvino_compiles_for_each_thread_that_overlaps():
    core = Compiling()
    plans = open_vino._Plans(core, core, {})
    with plans.one((1, 3, 8, 8)) as first, plans.one((1, 3, 8, 8)) as second:
        assert first is not second and core.compiled == 2
    for _ in range(3):  # one after the other they share
        with plans.one((1, 3, 8, 8)) as again:
            assert again in (first, second)
    for side in range(6):  # plans of the last four shapes are kept
        with plans.one((1, 3, side, side)):
            pass
    assert core.compiled == 8
    with plans.one((1, 3, 2, 2)), plans.one((1, 3, 8, 8)):
        assert core.compiled == 9


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(BackendError, match=r"--backend openvino.*pip install 'paddleseg_u2net\["):
        network_of("openvino")


@pytest.mark.parametrize("name", BY_ONNX)
def test_a_file_is_as_its_content_and_knows_its_shape(name, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip(name)
    content = onnx_bytes(narrow.state(2, 4), narrow.table(), 2, 4, sides=False)
    (tmp_path / "model.onnx").write_bytes(content)
    batch = images(1, 4, 32, 40)
    expected = on_engine(name, content)(batch)
    for source in (tmp_path / "model.onnx", str(tmp_path / "model.onnx")):
        network = on_engine(name, source, threads=1)
        np.testing.assert_allclose(network(batch), expected, rtol=1e-4, atol=1e-4)
    assert network.shape == (None, 4, None, None)
    with pytest.raises(BackendError, match=r"expected an input \(N, 4, H, W\), got \(1, 3, 8, 8\)"):
        network(images(1, 3, 8, 8))


LOAD = """
import os, sys
import numpy as np
from paddleseg_u2net.inference.backends import BACKENDS, Model
def load(name, precision="fp32"):
    model = Model("onnx", {"model.onnx": sys.argv[1]}, precision=precision)
    return BACKENDS[name].load(model, 1, "cpu")
"""


def run(code, model, tmp_path, **environment):
    (tmp_path / "model.onnx").write_bytes(model)
    words = [sys.executable, "-c", LOAD + code, str(tmp_path / "model.onnx")]
    env = {**os.environ, **environment}
    env.pop("ORT_DISABLE_TELEMETRY", None)
    return subprocess.run(words, capture_output=True, text=True, env=env, timeout=120)


def test_bfloat16_that_is_switched_off_is_said(tmp_path, onnx_model):
    """OpenVINO counts it among its capabilities all the same, and then compiles no convolution."""
    pytest.importorskip("openvino")
    code = """
network = load("openvino", "bf16")
print(network(np.zeros((1, 3, 32, 32), np.float32)).shape, network.note)
"""
    done = run(code, onnx_model, tmp_path, ONEDNN_MAX_CPU_ISA="AVX2")
    assert done.stdout.startswith("(1, 1, 32, 32) in float32, because OpenVINO cannot"), done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_openvino_spares_signals_children_and_its_makers(tmp_path, onnx_model):
    """With the stack for signals gone, the next one ends the process without a word."""
    pytest.importorskip("openvino")
    code = """
import faulthandler, gc, signal, threading
faulthandler.enable()  # so that there is such a stack
networks = [load("openvino")]
networks[0](np.zeros((1, 3, 16, 16), np.float32))
assert sys.modules["openvino_telemetry"] is None
def done():
    networks.clear()
    gc.collect()
thread = threading.Thread(target=done)
thread.start()
thread.join()
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
os.kill(os.getpid(), signal.SIGUSR1)
sys.stdout.flush()
child = os.fork()
if child == 0:
    found = load("openvino")(np.zeros((1, 3, 16, 16), np.float32))
    os._exit(0 if found.shape == (1, 1, 16, 16) else 1)
sys.exit(os.waitpid(child, 0)[1])
"""
    done = run(code, onnx_model, tmp_path)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr


def test_onnxruntime_does_not_report_its_start(tmp_path, onnx_model):
    pytest.importorskip("onnxruntime")
    home = tmp_path / "home"
    home.mkdir()
    done = run('load("onnxruntime")', onnx_model, tmp_path, HOME=home, XDG_CACHE_HOME=home)
    assert done.returncode == 0, done.stderr
    assert list(home.iterdir()) == []  # it keeps what it is going to report in the home folder


@pytest.mark.parametrize("count", [1, 2, 5])
def test_batches_of_other_sizes_go_through_in_parts(count):
    seen = []

    def run(batch):
        seen.append(batch.shape)
        return batch[:, :1] * 2

    network = EngineNetwork(run, "fake", num_classes=1, shape=(2, 3, 4, 4))
    batch = images(count, 3, 4, 4)
    np.testing.assert_array_equal(network(batch), batch[:, :1] * 2)
    assert seen == [(2, 3, 4, 4)] * -(-count // 2)
    with pytest.raises(BackendError, match=r"expected an input \(2, 3, 4, 4\), got \(1, 3, 4, 5\)"):
        network(images(1, 3, 4, 5))


@pytest.mark.parametrize(
    ("output_type", "shape"),
    [("logits", (1, 2, 4, 4)), ("argmax", (1, 1, 4, 4))],
)
def test_an_output_of_another_shape_is_refused(output_type, shape):
    network = EngineNetwork(lambda batch: np.zeros(shape, np.float32), "fake", output_type, 1)
    with pytest.raises(BackendError, match=r"the model makes \(1, "):
        network(images(1, 3, 4, 4))


def test_an_engine_that_stops_is_named():
    def stops(batch):
        raise RuntimeError("out of luck")

    with pytest.raises(BackendError, match="backend fake stops at an input .*out of luck"):
        EngineNetwork(stops, "fake")(images(1, 3, 4, 4))


@pytest.fixture
def installed(monkeypatch):
    """What is installed, and whether Paddle and ONNX Runtime have a GPU, as the test says."""

    def say(*packages, gpu=False, cuda=False):
        monkeypatch.setattr(choice, "is_installed", lambda name: name in packages)
        monkeypatch.setattr(choice, "_has_gpu", lambda: gpu)
        monkeypatch.setattr(paddle_layers, "finds_gpu", lambda: gpu)
        providers = [onnx_runtime._CUDA] * cuda + [onnx_runtime._CPU]
        runtime = FakeRuntime(providers, providers)
        monkeypatch.setitem(sys.modules, "onnxruntime", runtime)

    return say


class FakeRuntime:
    """ONNX Runtime's module, with the providers that it was built with and those that start."""

    __version__ = "1.2.3"

    def __init__(self, built, starting, said=""):
        self.built, self.starting, self.said, self.asked = built, starting, said, None
        self.SessionOptions = type("SessionOptions", (), {})

    def get_available_providers(self):
        return self.built

    def preload_dlls(self):
        print(self.said)

    def InferenceSession(self, content, options, providers):
        self.asked = providers
        names = [item if isinstance(item, str) else item[0] for item in providers]
        side = SimpleNamespace(name="x", shape=["N", 3, "H", "W"])
        return SimpleNamespace(
            get_providers=lambda: [name for name in names if name in self.starting],
            get_inputs=lambda: [side],
            get_outputs=lambda: [side],
            run=lambda names, given: [given["x"][:, :1]],
        )


def test_cuda_is_asked_for_first_and_in_float32(monkeypatch):
    both = [onnx_runtime._CUDA, onnx_runtime._CPU]
    runtime = FakeRuntime(both, both)
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime)
    batch = images(1, 3, 4, 4)
    network = on_engine("onnxruntime", b"", device="gpu")
    np.testing.assert_array_equal(network(batch), batch[:, :1])
    assert runtime.asked == [(onnx_runtime._CUDA, {"use_tf32": "0"}), onnx_runtime._CPU]
    on_engine("onnxruntime", b"")
    assert runtime.asked == [onnx_runtime._CPU]


def test_no_session_falls_to_the_cpu_in_silence(monkeypatch, capfd):
    """As onnxruntime-gpu 1.31.1 does without CUDA: it prints, and computes on the CPU."""
    both = [onnx_runtime._CUDA, onnx_runtime._CPU]
    runtime = FakeRuntime(both, both[1:], said="Failed to load libcublas\nread this")
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime)
    with pytest.raises(
        BackendError, match=r"would compute on the CPU: .* for \(Failed to load lib"
    ):
        on_engine("onnxruntime", b"", device="gpu")
    assert capfd.readouterr().out == ""
    runtime.built = both[1:]
    with pytest.raises(BackendError, match=r"1\.2\.3 .* CPU only: .*install 'onnxruntime-gpu"):
        on_engine("onnxruntime", b"", device="gpu")


EVERYTHING = ("paddle", "paddleseg", "onnx", "onnxruntime", "openvino", "ncnn")


@pytest.mark.parametrize(
    ("kind", "packages", "expected"),
    [
        ("weights", ("paddle", "paddleseg", "onnx", "onnxruntime"), "onnxruntime"),
        ("weights", ("paddle", "paddleseg", "onnxruntime"), "paddle"),  # onnx makes its model
        ("weights", EVERYTHING, "ncnn"),
        ("onnx", EVERYTHING, "onnxruntime"),
        ("openvino", EVERYTHING, "openvino"),
        ("paddle", EVERYTHING, "paddle-inference"),
    ],
)
def test_auto_takes_the_fastest_that_is_there(installed, kind, packages, expected):
    installed(*packages)
    found = choose("auto", "auto", kind)
    assert (found.backend, found.device) == (expected, "cpu")
    assert str(found).startswith(f"backend {expected} (auto: ")
    installed()
    with pytest.raises(BackendError, match=r"cannot run .*pip install 'paddleseg_u2net\[.* none"):
        choose("auto", "auto", kind)


def test_fewer_bits_are_openvinos(installed):
    installed(*EVERYTHING)
    found = choose("auto", "auto", "onnx", "int8")
    assert found.backend == "openvino" and "int8" in str(found)
    assert choose("auto", "auto", "onnx", "fp16").backend == "onnxruntime"


@pytest.mark.parametrize(("kind", "name"), [("weights", "paddle"), ("paddle", "paddle-inference")])
def test_a_gpu_and_other_devices_lead_to_paddle(installed, kind, name):
    installed(*EVERYTHING, gpu=True)
    assert choose("auto", "auto", kind)[:2] == (name, "gpu")
    assert choose("auto", "cpu", kind).device == "cpu"
    assert choose("auto", "auto", "onnx").device == "cpu"
    assert choose("auto", "gpu", kind)[:2] == (name, "gpu")
    installed(*EVERYTHING)
    assert choose("auto", "xpu")[:2] == ("paddle", "xpu")


def test_onnx_runtimes_gpu_is_taken_where_it_is_asked_for(installed):
    installed(*EVERYTHING, cuda=True)
    for kind in ("weights", "onnx"):
        assert choose("auto", "gpu", kind)[:2] == ("onnxruntime", "gpu")
        assert choose("onnxruntime", "gpu", kind)[:2] == ("onnxruntime", "gpu")
        assert choose("auto", "auto", kind).device == "cpu"
    installed(*EVERYTHING, cuda=True, gpu=True)
    assert choose("auto", "auto")[:2] == ("paddle", "gpu")
    assert choose("onnxruntime", "auto")[:2] == ("onnxruntime", "cpu")


def test_what_is_named_is_taken_or_refused(installed):
    installed(*EVERYTHING)
    for name in ("paddle", *ENGINES):
        assert str(choose(name)) == f"backend {name}"
    installed("paddle", "paddleseg")
    for name in ENGINES:
        with pytest.raises(BackendError, match=f"{name} needs .*; installed and able: paddle"):
            choose(name)
    with pytest.raises(BackendError, match="expected auto, paddle"):
        choose("onnx")


@pytest.mark.parametrize(
    ("backend", "device", "kind", "words"),
    [
        ("paddle", "auto", "onnx", "exported as onnx: paddle does not run it; .* onnxruntime, op"),
        ("auto", "auto", "caffe", "exported as caffe: no backend does"),
        ("ncnn", "gpu", "weights", "ncnn does not compute on the gpu; .*able: none"),
        ("auto", "gpu", "onnx", "onnxruntime 1.2.3 .* CPU only: .*onnxruntime-gpu.*; .* none"),
        ("auto", "gpu", "weights", "onnxruntime-gpu.*Paddle that is installed finds no GPU"),
        ("paddle", "gpu", "weights", "finds no GPU: install its build"),
    ],
)
def test_what_does_not_fit_together_is_refused(installed, backend, device, kind, words):
    installed(*EVERYTHING)
    with pytest.raises(BackendError, match=words):
        choose(backend, device, kind)


def test_a_folder_of_a_packages_name_is_no_package(tmp_path, monkeypatch):
    (tmp_path / "nobody_has_this").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert not choice.is_installed("nobody_has_this")
    assert choice.is_installed("numpy")


def test_pictures_of_the_command_are_those_of_paddle(tmp_path):
    pytest.importorskip("onnx")
    write_weights(tmp_path / "model.pdparams", narrow.state())
    rng = np.random.default_rng(0)
    write_png(tmp_path / "in/one.png", rng.integers(0, 256, (50, 70, 3)).astype(np.uint8))
    maps = []
    for backend in ("paddle", *ENGINES):
        if backend != "paddle":
            pytest.importorskip(backend)
        arguments = ["--model_path", str(tmp_path / "model.pdparams"), "--backend", backend]
        arguments += ["--image_path", str(tmp_path / "in"), "--save_dir", str(tmp_path / backend)]
        assert main("predict", [*arguments, "--opts", "preprocess.size=[64,64]"]) == 0
        maps.append(read_image(tmp_path / backend / "saliency/one.png", 1).astype(int))
    assert maps[0].std() > 1
    assert all(np.abs(maps[0] - theirs).max() <= 1 for theirs in maps[1:])
