"""Exported folders give the same maps on every backend, or an error that says what is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from paddleseg_u2net.inference import Augment, Window
from paddleseg_u2net.inference.backends import BackendError
from paddleseg_u2net.inference.description import NAME, ExportError
from paddleseg_u2net.inference.exported import load_exported
from tests.inference import exporting
from tests.inference.exporting import picture

pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def expected():
    """The map of `picture()`, by Paddle's layers."""
    from paddleseg_u2net.inference import Pipeline, Preprocess
    from paddleseg_u2net.inference.backends import eager
    from paddleseg_u2net.models import U2Net
    from paddleseg_u2net.weights import fold_biases
    from tests.weights import narrow

    model = U2Net(1, 3, narrow.table())
    model.set_state_dict(fold_biases(narrow.state()))
    model.eval()
    return Pipeline(eager(model), Preprocess((48, 40), [0.5] * 3, [0.5] * 3))


def runtime(name):
    pytest.importorskip({"paddle-inference": "paddle"}.get(name, name))
    return name


@pytest.mark.filterwarnings("ignore:In static graph mode")
@pytest.mark.parametrize(
    ("make", "backend"),
    [
        (exporting.onnx_folder, "onnxruntime"),
        (exporting.onnx_folder, "openvino"),
        (exporting.openvino_folder, "openvino"),
        (exporting.paddle_folder, "paddle-inference"),
    ],
)
def test_the_map_is_that_of_paddles_layers(make, backend, tmp_path, expected):
    backend = runtime(backend)
    folder = make(tmp_path / "model")
    for path, name in ((folder, backend), (folder / NAME, backend)):
        exported = load_exported(path, name, threads=1)
        assert (exported.folder, exported.backend) == (folder, backend)
        for averages in ((), (Augment((1.0,), True),), (None, Window((48, 40), (30, 20)))):
            image = picture(60, 70)
            reference = type(expected)(expected.network, expected.preprocess, *averages)(image)
            found = exported.pipeline(*averages)(image)
            np.testing.assert_allclose(found, reference, atol=2e-5)
        assert found.shape == (1, 60, 70) and found.std() > 0.01


def test_a_batch_in_one_go_and_in_parts(tmp_path):
    runtime("onnxruntime")
    free = load_exported(exporting.onnx_folder(tmp_path / "free"), "onnxruntime").network
    folder = exporting.onnx_folder(tmp_path / "two", shape=(2, 3, 40, 48))
    two = load_exported(folder, "onnxruntime").network
    rng = np.random.default_rng(0)
    for count in (1, 2, 3, 5):
        batch = rng.normal(size=(count, 3, 40, 48)).astype(np.float32)
        np.testing.assert_allclose(two(batch), free(batch), atol=1e-5)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_model_of_one_size_refuses_others_before_the_first_picture(tmp_path, backend):
    backend = runtime(backend)
    folder = exporting.onnx_folder(tmp_path / "model", shape=(1, 3, 40, 48))
    exported = load_exported(folder, backend)
    assert exported.pipeline()(picture()).shape == (1, 30, 50)
    assert exported.pipeline(None, Window((48, 40), (48, 40)))(picture(80, 96)).shape[1:] == (
        80,
        96,
    )
    exported.pipeline(Augment((1.0,), True))
    with pytest.raises(BackendError, match="exported for 48x40 .*, got 48x40 and 24x20"):
        exported.pipeline(Augment((1.0, 0.5)))
    with pytest.raises(BackendError, match="crop_size: .* 48x40 .*, got 32x32"):
        exported.pipeline(None, Window((32, 32), (16, 16)))
    with pytest.raises(BackendError, match="expected an input"):  # smaller than its windows
        exported.pipeline(None, Window((48, 40), (48, 40)))(picture(20, 20))


@pytest.mark.parametrize("classes", [2, 3])
def test_class_numbers_are_ones_and_zeros(tmp_path, classes):
    runtime("onnxruntime")
    numbers = load_exported(exporting.onnx_folder(tmp_path / "a", classes, argmax=True))
    maps = load_exported(exporting.onnx_folder(tmp_path / "b", classes, output="softmax"))
    image = picture(40, 48)
    found, expected = numbers.pipeline()(image), maps.pipeline()(image)
    assert found.shape == expected.shape == (classes, 40, 48)
    assert set(np.unique(found)) <= {0.0, 1.0}
    np.testing.assert_array_equal(found.argmax(0), expected.argmax(0))
    np.testing.assert_array_equal(found.sum(0), 1)
    with pytest.raises(ValueError, match="class numbers"):
        numbers.pipeline(Augment((1.0,), True))
    with pytest.raises(ValueError, match="class numbers"):
        numbers.pipeline(None, Window((8, 8), (8, 8)))


# ---------------------------------------------------------------- what is wrong with a folder


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"num_classes": 2, "classes": ("a", "b")}, "2 channels of output, the model has 1"),
        (
            {"shape": (1, 3, 40, 48)},
            r"input \(1, 3, 40, 48\), the model takes \(any, 3, any, any\)",
        ),
    ],
)
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_description_of_another_model_is_refused(tmp_path, said, words, backend):
    backend = runtime(backend)
    folder = exporting.onnx_folder(tmp_path / "model")
    exporting.describe(folder, **said)
    with pytest.raises(ExportError, match=f"{NAME}: it says {words}"):
        load_exported(folder, backend)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
@pytest.mark.parametrize(("argmax", "said"), [(True, "probability"), (False, "argmax")])
def test_an_output_that_is_described_wrongly_is_refused(tmp_path, backend, argmax, said):
    backend = runtime(backend)
    folder = exporting.onnx_folder(tmp_path / "model", argmax=argmax, output=said)
    with pytest.raises(ExportError, match=rf"output \({said}\) of [34], got 4 and [34]"):
        load_exported(folder, backend)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("keep", [0, 40, 20000])
def test_a_damaged_model_with_a_fitting_checksum_is_refused(tmp_path, backend, keep):
    backend = runtime(backend)
    folder = exporting.onnx_folder(tmp_path / "model")
    whole = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(whole[:keep])
    exporting.describe(folder)
    with pytest.raises(ExportError, match=f"model: backend {backend} does not load the model"):
        load_exported(folder, backend)


@pytest.mark.filterwarnings("ignore:In static graph mode")
def test_a_damaged_model_of_paddle_is_refused(tmp_path):
    folder = exporting.paddle_folder(tmp_path / "model")
    whole = (folder / "model.pdiparams").read_bytes()
    (folder / "model.pdiparams").write_bytes(whole[: len(whole) // 2])
    exporting.describe(folder, format="paddle")
    with pytest.raises(ExportError, match="backend paddle-inference does not load the model"):
        load_exported(folder)


def test_damage_and_missing_files_are_refused(tmp_path):
    folder = exporting.onnx_folder(tmp_path / "model")
    (folder / "model.onnx").write_bytes(b"other")
    with pytest.raises(ExportError, match="it is not the file that"):
        load_exported(folder)
    (folder / "model.onnx").unlink()
    with pytest.raises(ExportError, match="the model's file is missing"):
        load_exported(folder)
    with pytest.raises(ExportError, match="expected an exported folder"):
        load_exported(tmp_path)
