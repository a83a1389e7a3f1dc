"""The official U²-NetP weights: the authors' maps, the field's numbers, and the way back."""

import numpy as np
import pytest

from paddleseg_u2net.io.images import read_image
from paddleseg_u2net.predictor.load import load_model
from paddleseg_u2net.render import saliency
from paddleseg_u2net.weights import read_weights, write_weights

pytestmark = pytest.mark.realdata


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


@pytest.fixture(scope="module")
def official(shared):
    """The official weights, opened."""
    pytest.importorskip("onnxruntime")
    return load_model(shared / "weights/u2netp.pth", backend="onnxruntime").pipeline


def published(shared, predictor, names):
    """The comparison with the maps of the authors' page; only small images, the others take long
    to resize.
    """
    folder = shared / "oracles/u2netp_official"
    images = [next((folder / "test_images").glob(f"{name}.*")) for name in names]
    return compared(predictor, images, folder / "u2netp_results")


def test_the_maps_that_the_authors_published(shared, official):
    assert official.preprocess.type == "official"
    images = ("rifle2", "hockey", "long", "im_27", "im_01")
    differences, overlaps = published(shared, official, images)
    assert differences.mean() < 0.6 and overlaps.min() > 0.97


def test_rembgs_file_holds_the_unrounded_weights(shared):
    source = shared / "weights/u2netp_rembg.onnx"
    rounded = read_weights(shared / "weights/u2netp.pth")
    for name, value in read_weights(source).items():
        np.testing.assert_allclose(value, rounded[name], rtol=2**-11, atol=2**-24, err_msg=name)
    # and so it comes nearer to the authors' maps
    onnxruntime = pytest.importorskip("onnxruntime")
    opened = load_model(source, backend="onnxruntime").pipeline
    assert opened.preprocess.type == "official"
    differences, overlaps = published(shared, opened, ("rifle2", "im_27", "im_01"))
    assert differences.mean() < 0.1 and overlaps.min() > 0.99
    # ONNX Runtime runs the file as it is beside this project's layers
    session = onnxruntime.InferenceSession(str(source), providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).normal(size=(1, 3, 320, 320)).astype(np.float32)
    theirs = session.run(None, {session.get_inputs()[0].name: image})[0]
    ours = 1 / (1 + np.exp(-opened.network(image)))
    assert 0 < np.abs(ours - theirs).max() < 2e-4


def test_maps_of_the_authors_pipeline(shared, official):
    images = sorted((shared / "data/ecssd_300/images").iterdir())[::75]
    differences, _ = compared(official, images, shared / "oracles/ecssd_u2netp_maps")
    assert differences.max() < 0.01  # in grey levels: one in a few thousand pixels rounds apart


def test_there_and_back_gives_the_same_weights_in_pytorch(shared, tmp_path):
    torch = pytest.importorskip("torch")
    source = shared / "weights/u2netp.pth"
    write_weights(tmp_path / "paddle.pdparams", read_weights(source))
    write_weights(tmp_path / "back.pth", read_weights(tmp_path / "paddle.pdparams"))
    before, after = (
        torch.load(path, weights_only=True) for path in (source, tmp_path / "back.pth")
    )
    assert list(before) == list(after)
    for name, value in before.items():
        assert torch.equal(value.to(after[name].dtype), after[name]), name
