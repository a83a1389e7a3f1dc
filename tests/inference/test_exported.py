"""Exported folders give the same maps on every backend, or an error that says what is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from paddleseg_u2net.inference import Augment, Pipeline, Preprocess, Window
from paddleseg_u2net.inference.backends import BackendError
from paddleseg_u2net.inference.backends.paddle_layers import eager
from paddleseg_u2net.inference.description import NAME, ExportError, load_exported
from paddleseg_u2net.models import U2Net
from paddleseg_u2net.predictor.load import load_model
from paddleseg_u2net.weights import fold_biases
from tests.inference import exporting
from tests.inference.exporting import picture
from tests.weights import narrow

pytest.importorskip("onnx")

both = pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])


@pytest.fixture(autouse=True)
def _installed(request):
    if "backend" in request.fixturenames:
        name = request.getfixturevalue("backend")
        pytest.importorskip({"paddle-inference": "paddle"}.get(name, name))


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
def test_the_map_is_that_of_paddles_layers(make, backend, tmp_path):
    layers = U2Net(1, 3, narrow.table())
    layers.set_state_dict(fold_biases(narrow.state()))
    layers.eval()
    network, preprocess = eager(layers), Preprocess((48, 40), [0.5] * 3, [0.5] * 3)
    folder, image = make(tmp_path / "model"), picture(60, 70)
    for averages in ((), (Augment((1.0,), True),), (None, Window((48, 40), (30, 20)))):
        names = dict(zip(("augment", "window"), averages))
        model = load_model(folder / NAME, backend=backend, threads=1, **names)
        assert (model.source, model.choice.backend) == (folder, backend)
        found = model.pipeline(image)
        np.testing.assert_allclose(
            found, Pipeline(network, preprocess, *averages)(image), atol=2e-5
        )
        assert found.shape == (1, 60, 70) and found.std() > 0.01


@both
def test_a_model_of_one_size_takes_its_size_only(tmp_path, backend):
    folder = exporting.onnx_folder(tmp_path / "model", shape=(1, 3, 40, 48))

    def pipeline(augment=None, window=None):
        return load_model(folder, backend=backend, augment=augment, window=window).pipeline

    assert pipeline()(picture()).shape == (1, 30, 50)
    windows = pipeline(None, Window((48, 40), (48, 40)))
    assert windows(picture(80, 96)).shape[1:] == (80, 96)
    with pytest.raises(BackendError, match=r"expected an input \(1, 3, 40, 48\)"):
        pipeline(Augment((1.0, 0.5)))(picture())
    with pytest.raises(BackendError, match="expected an input"):  # smaller than its windows
        windows(picture(20, 20))


def test_class_numbers_are_ones_and_zeros(tmp_path):
    classes = 3
    pytest.importorskip("onnxruntime")
    numbers = exporting.onnx_folder(tmp_path / "a", classes, argmax=True)
    maps = exporting.onnx_folder(tmp_path / "b", classes, output="softmax")
    image = picture(40, 48)
    found, expected = (load_model(folder).pipeline(image) for folder in (numbers, maps))
    assert found.shape == expected.shape == (classes, 40, 48)
    assert set(np.unique(found)) <= {0.0, 1.0}
    np.testing.assert_array_equal(found.argmax(0), expected.argmax(0))
    np.testing.assert_array_equal(found.sum(0), 1)


@both
@pytest.mark.parametrize(("argmax", "said"), [(True, "probability"), (False, "argmax")])
def test_an_output_that_is_described_wrongly_is_refused(tmp_path, backend, argmax, said):
    folder = exporting.onnx_folder(tmp_path / "model", argmax=argmax, output=said)
    with pytest.raises(BackendError, match=rf"the model makes .*expected .*\({said}\)"):
        load_model(folder, backend=backend).pipeline(picture())


@both
@pytest.mark.parametrize("keep", [0, 20000])
def test_a_damaged_model_with_a_fitting_checksum(tmp_path, backend, keep):
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


def test_files_and_formats_that_do_not_fit_are_refused(tmp_path):
    pytest.importorskip("onnxruntime")
    folder = exporting.onnx_folder(tmp_path / "model")
    (folder / "other").write_bytes(b"")
    exporting.describe(folder, files={"other": exporting.checksum(folder / "other")})
    with pytest.raises(ExportError, match="files: expected one that ends in .onnx for format onnx"):
        load_exported(folder, "onnxruntime")
    exporting.describe(exporting.onnx_folder(tmp_path / "model"), format="caffe")
    with pytest.raises(BackendError, match="cannot run a model exported as caffe: no backend does"):
        load_exported(folder)
