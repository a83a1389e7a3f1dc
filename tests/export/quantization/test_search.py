import sys

import numpy as np
import pytest

from paddleseg_u2net.export.quantization.graph import QuantizationError
from paddleseg_u2net.export.quantization.guard import Guard, _expected_error
from paddleseg_u2net.export.quantization.observe import session
from paddleseg_u2net.export.quantization.search import search
from tests.export.quantization import small

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

ALWAYS = {"stage1.rebnconvin", "outconv"}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return small.calibration(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def masked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("masked")
    return small.calibration(folder / "images", folder / "masks")


def test_a_network_that_stands_it_is_lowered_whole(images, caplog):
    caplog.set_level("INFO", "paddleseg_u2net")
    found = search(small.model(), images, 0.05)
    said = found.described
    assert set(said["kept"]) == ALWAYS
    assert said["increase"] <= 0.05 and said["share"] > 0.9
    assert (said["against"], said["images"]) == ("fp32", 10)
    assert said["error"] > 0 and abs(said["increase"]) <= said["difference"] < 0.02
    assert said["measured"] == 1
    assert "all layers" in caplog.messages[0] and "inside 0.05" in caplog.messages[0]
    run = session(found.content, ["d0"])
    assert run(images.fitting[0])[0].shape == (1, 1, small.SIZE, small.SIZE)


def test_only_the_layers_that_collapse_are_kept(images, caplog):
    caplog.set_level("INFO", "paddleseg_u2net")
    pair = ("stage2.rebnconv2d", "stage2.rebnconv1d")
    content = small.model(small.collapsing(*pair))
    found = search(content, images, 0.002)
    assert "outside 0.002" in caplog.messages[0]
    kept = set(found.described["kept"]) - ALWAYS
    assert kept and kept <= set(pair)
    measured = Guard(content, images).measure(found.content)
    assert measured.increase == found.described["increase"] <= 0.002
    again = search(content, images, 0.002)
    assert again[:3] == found[:3]


def test_none_outside_is_given(images):
    with pytest.raises(QuantizationError, match=r"no network in int8 is within 1e-09.*fp32"):
        search(small.model(), images, 1e-9)


def test_with_masks_it_is_the_metric(masked):
    from paddleseg_u2net.metrics import MAE

    content = small.model()
    found = search(content, masked, 0.05)
    total = {name: MAE() for name in ("before", "after")}
    for name, file in (("before", content), ("after", found.content)):
        run = session(file, ["d0"])
        for sample in masked.checking:
            restored = masked.preprocess.preset.restore(run(sample.batch)[0][0], sample.shape)
            total[name].update(restored[0], sample.mask.astype(bool))
    before, after = (total[name].compute() for name in ("before", "after"))
    assert found.described["against"] == "masks"
    assert found.described["error"] == pytest.approx(before)
    assert found.described["increase"] == pytest.approx(after - before)


def test_classes_without_masks(images, masked):
    found = search(small.model(num_classes=3), images, 0.05)
    assert found.described["increase"] <= 0.05
    with pytest.raises(QuantizationError, match="one class, this one has 3"):
        search(small.model(num_classes=3), masked, 0.05)


def test_bf16_is_emulated(images):
    found = search(small.model(), images, 0.02, "bf16")
    assert found.content == small.model()
    assert found.described["kept"] == [] and 0 < found.described["difference"] <= 0.002


def test_bf16_keeps_what_it_must(images):
    content = small.model(small.collapsing("stage2.rebnconv2d", "stage2.rebnconv1d"))
    found = search(content, images, 0.001, "bf16")
    assert "stage2.rebnconv1d" in found.described["kept"]
    assert "stage2.rebnconv1d.conv_s1" in found.float_nodes
    assert found.described["increase"] <= 0.001 and found.described["difference"] <= 0.005


def test_the_error_without_masks_is_the_mean_over_drawn_ones():
    rng = np.random.default_rng(0)
    found, probability = rng.random((2, 1, 6, 7))
    masks = rng.random((20000, 1, 6, 7)) < probability
    drawn = np.abs(found - masks).mean()
    assert _expected_error(found, probability) == pytest.approx(drawn, abs=2e-3)


def test_without_onnxruntime(images, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(QuantizationError, match="lower precision is measured: .*pip install"):
        search(small.model(), images, 0.001)


@pytest.mark.slow
@pytest.mark.realdata
def test_the_published_weights(shared):
    from paddleseg_u2net.architecture import TABLES
    from paddleseg_u2net.export.quantization.calibration import Calibration
    from paddleseg_u2net.inference.preprocess import Preprocess
    from paddleseg_u2net.io.images import find_images, read_image, read_mask
    from paddleseg_u2net.metrics import MAE
    from paddleseg_u2net.weights import read_weights
    from paddleseg_u2net.weights.onnx_write import onnx_bytes

    preprocess = Preprocess(size=(320, 320), type="official")
    content = onnx_bytes(read_weights(shared / "weights/u2netp.pth"), TABLES["U2NetP"], sides=False)
    people = shared / "data/person_290"
    calibration = Calibration.read(people / "images", people / "masks", preprocess, limit=32)
    found = search(content, calibration, 0.001)
    assert found.described["share"] > 0.5
    ecssd = shared / "data/ecssd_300"
    errors = []
    for file in (content, found.content):
        run, mae = session(file, ["d0"]), MAE()
        for name in find_images(ecssd / "images")[::10]:
            image = read_image(name)
            mask = read_mask(ecssd / "ground_truth_mask" / f"{name.stem}.png") > 127
            restored = preprocess.preset.restore(run(preprocess(image)[None])[0][0], mask.shape)
            mae.update(restored[0], mask)
        errors.append(mae.compute())
    assert np.isfinite(errors).all()
    assert errors[1] - errors[0] <= 0.002
