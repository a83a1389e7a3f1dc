"""What validation sees and gives back, against PaddleSeg's own inference, on real photographs."""

from __future__ import annotations

import numpy as np
import pytest

import paddleseg_u2net  # noqa: F401  (before paddle: it loads zlib)

# isort: split
import paddle
from paddleseg import transforms as stock
from paddleseg.core.infer import aug_inference, inference
from paddleseg.cvlibs import manager

from paddleseg_u2net.config import Config
from paddleseg_u2net.inference import Pipeline
from paddleseg_u2net.inference.backends.paddle_layers import eager
from paddleseg_u2net.io.images import read_image

SHORT = [{"type": "ResizeByShort", "short_size": 96}]
BOXED = [
    {"type": "Resize", "target_size": [160, 64], "keep_ratio": True, "size_divisor": 32},
    {"type": "Padding", "target_size": [160, 160]},
]
CASES = {
    "short": (SHORT, {}),
    "long": ([{"type": "ResizeByLong", "long_size": 128}], {}),
    "boxed": (BOXED, {}),
    "limited": ([{"type": "LimitLong", "max_long": 128}], {}),
    "scales": (
        SHORT,
        {"aug_eval": True, "scales": [0.75, 1.25], "flip_horizontal": True, "flip_vertical": True},
    ),
    "slides": (SHORT, {"is_slide": True, "crop_size": [64, 64], "stride": [48, 48]}),
}


class Colours(paddle.nn.Layer):
    """A network whose classes are which colour is strongest around a pixel: sure of itself, unlike
    one that nobody has trained.
    """

    def forward(self, x):
        mean = paddle.nn.functional.avg_pool2d(x, 5, 1, 2, exclusive=True)
        return [8 * (mean - mean.mean((2, 3), keepdim=True))]


def tree(root, transforms, test):
    data = {"type": "Dataset", "dataset_root": str(root), "num_classes": 3}
    normalize = {"type": "Normalize", "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4]}
    return {
        "model": {"type": "PPLiteSeg", "backbone": {"type": "STDC1"}, "num_classes": 3},
        "val_dataset": {
            **data,
            "val_path": "val_list.txt",
            "mode": "val",
            "transforms": [*transforms, normalize],
        },
        "test_config": test,
    }


def by_paddleseg(model, image, block, test):
    """Classes (H, W) and logits (K, H, W) at the image's own size."""
    made = [
        manager.TRANSFORMS[item["type"]](**{k: v for k, v in item.items() if k != "type"})
        for item in block["val_dataset"]["transforms"]
    ]
    data = stock.Compose(made, to_rgb=False)({"img": image.astype(np.float32), "gt_fields": []})
    inputs = paddle.to_tensor(np.asarray(data["img"], np.float32)[None])
    given = {key: value for key, value in test.items() if key != "aug_eval"}
    infer = aug_inference if test.get("aug_eval") else inference
    with paddle.no_grad():
        found = infer(model, inputs, trans_info=data["trans_info"], **given)
    return found[0].numpy()[0, 0], found[1].numpy()[0]


@pytest.mark.realdata
@pytest.mark.parametrize("case", CASES)
def test_classes_are_those_of_paddlesegs_inference(shared, case):
    transforms, test = CASES[case]
    block = tree(shared / "data" / "optic_disc_seg", transforms, test)
    config = Config(block, training=False)
    model = Colours()
    pipeline = Pipeline(eager(model), config.preprocess(), config.augment(), config.window())
    dataset = config.dataset("val")
    for pair in dataset.pairs[:2]:
        image = np.ascontiguousarray(read_image(pair.image, 3)[:, 40:600])  # wider one way
        expected, logits = by_paddleseg(model, image, block, test)
        found = pipeline(image)
        odds = paddle.nn.functional.softmax(paddle.to_tensor(logits), axis=0).numpy()
        np.testing.assert_allclose(found, odds, atol=1e-3)
        second, first = np.sort(odds, axis=0)[-2:]
        sure = first - second > 1e-3  # elsewhere float32 tosses a coin
        assert sure.mean() > 0.98 and len(np.unique(expected)) >= 2
        assert (found.argmax(0) == expected)[sure].all()
