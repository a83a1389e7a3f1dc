"""The official U²-NetP weights: the authors' maps, the field's numbers, and the way back."""

import re

import numpy as np
import pytest

from paddleseg_u2net.export.convert import convert
from paddleseg_u2net.io.images import read_image, read_mask
from paddleseg_u2net.metrics import PRESETS, MetricReport
from paddleseg_u2net.predictor.load import load_model
from paddleseg_u2net.render import saliency
from paddleseg_u2net.weights import read_weights, write_weights

pytestmark = [pytest.mark.realdata, pytest.mark.slow]


def compared(predictor, images, maps):
    """Mean difference in grey levels and IoU at 127 of each image's map with the one at hand."""
    differences, overlaps = [], []
    for path in images:
        found = saliency(predictor(read_image(path))[0]).astype(int)
        expected = read_image(maps / f"{path.stem}.png", 1)[..., 0].astype(int)
        differences.append(np.abs(found - expected).mean())
        ours, theirs = found >= 127, expected >= 127
        overlaps.append((ours & theirs).sum() / max(1, (ours | theirs).sum()))
    return np.array(differences), np.array(overlaps)


# Of rembg's file the weights are not rounded, and so it comes nearer.
@pytest.mark.parametrize("file, most, least", [("u2netp.pth", 0.6, 0.97),
                                               ("u2netp_rembg.onnx", 0.1, 0.99)])  # fmt: skip
def test_the_maps_that_the_authors_published(shared, file, most, least):
    pytest.importorskip("onnxruntime")
    opened = load_model(shared / "weights" / file, backend="onnxruntime")
    assert opened.pipeline.preprocess.type == "official"
    folder = shared / "oracles/u2netp_official"
    images = sorted((folder / "test_images").iterdir())
    assert len(images) == 18
    # the smallest, in bytes: to resize the maps of the others takes minutes
    images = sorted(images, key=lambda path: path.stat().st_size)[:9]
    differences, overlaps = compared(opened.pipeline, images, folder / "u2netp_results")
    assert differences.mean() < most and overlaps.min() > least


def test_rembgs_file_holds_the_unrounded_weights(shared, tmp_path):
    source = shared / "weights/u2netp_rembg.onnx"
    rounded = read_weights(shared / "weights/u2netp.pth")
    for name, value in read_weights(source).items():
        np.testing.assert_allclose(value, rounded[name], rtol=2**-11, atol=2**-24, err_msg=name)
    # ONNX Runtime runs the file as it is beside the weights that were read from it
    pytest.importorskip("onnxruntime")
    done = convert(source, tmp_path / "u2netp.pdparams")
    assert done.source.model.type == "U2NetP"
    (line,) = done.compared
    assert 0 < float(re.search(r"probabilities differ by (\S+) at most", line)[1]) < 2e-4


def test_maps_of_the_authors_pipeline(shared):
    pytest.importorskip("onnxruntime")
    predictor = load_model(shared / "weights/u2netp.pth", backend="onnxruntime").pipeline
    images = sorted((shared / "data/ecssd_300/images").iterdir())[::25]
    differences, _ = compared(predictor, images, shared / "oracles/ecssd_u2netp_maps")
    assert differences.mean() < 0.01  # in grey levels: one in a few thousand pixels rounds apart


def test_the_fields_numbers_on_the_authors_maps(shared):
    """PySODMetrics' numbers for these maps, stretched as it does."""
    report = MetricReport(1, conventions=PRESETS["pysodmetrics"])
    maps = sorted((shared / "oracles/ecssd_u2netp_maps").iterdir())
    for path in maps:
        mask = read_mask(shared / "data/ecssd_300/ground_truth_mask" / path.name)
        report.update(
            read_image(path, 1)[..., 0].astype(np.float32) / 255, (mask > 128).astype(np.uint8)
        )
    scores = report.compute()
    expected = {
        "MAE": 0.03189, "maxF": 0.94194, "meanF": 0.91499, "adpF": 0.88476, "wF": 0.90005,
        "S": 0.93025, "maxF_paper": 0.95298,
    }  # fmt: skip
    assert len(maps) == 300
    assert {name: pytest.approx(scores[name], abs=6e-6) for name in expected} == expected


def test_there_and_back_gives_the_same_maps_in_pytorch(shared, tmp_path):
    torch = pytest.importorskip("torch")
    from tests.oracles import torch_u2net

    source = shared / "weights/u2netp.pth"
    write_weights(tmp_path / "paddle.pdparams", read_weights(source))
    write_weights(tmp_path / "back.pth", read_weights(tmp_path / "paddle.pdparams"))
    maps = []
    image = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 3, 320, 320))).float()
    for path in (source, tmp_path / "back.pth"):
        network = torch_u2net.TorchU2Net(torch_u2net.U2NETP)
        network.load_state_dict(torch.load(path, weights_only=True))
        with torch.no_grad():
            maps.append(network.eval()(image)[0].numpy())
    assert np.abs(maps[0] - maps[1]).max() <= 1e-5
