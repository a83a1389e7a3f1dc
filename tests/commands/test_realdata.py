"""The commands on real photographs, where the reference data is at hand."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.commands import main

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.realdata


@pytest.mark.slow
def test_u2netp_learns_the_optic_disc_within_forty_steps(shared, tmp_path, capsys):
    root = shared / "data/optic_disc_seg"
    config = ROOT / "configs/RGB/U2Net/u2netp_optic_disc_128.yaml"
    words = ["--config", str(config), "--save_dir", str(tmp_path), "--do_eval", "--iters", "40"]
    opts = [f"{part}_dataset.dataset_root={root}" for part in ("train", "val")]
    # 64 px: a quarter of the time, and enough to tell learning from not learning
    opts += ["preprocess.size=[64, 64]", "train_dataset.transforms.0.target_size=[64, 64]"]
    assert main("train", [*words, "--opts", *opts]) == 0
    scores = [float(x) for x in re.findall(r"mIoU: ([\d.]+)", capsys.readouterr().out)]
    assert scores[-1] > 0.7  # nothing but background is 0.485


def test_masks_of_another_size_stop_the_run_with_both_sizes(shared, tmp_path, capsys):
    config = tmp_path / "person.yaml"
    config.write_text(
        f"_base_: {ROOT / 'configs/RGB/U2Net/u2netp_own_data.yaml'}\n"
        "iters: 2\nbatch_size: 2\n"
        f"train_dataset: {{dataset_root: {shared / 'data/person_290'}, transforms: "
        "[{type: Resize, target_size: [64, 64]}]}\n"
        f"val_dataset: {{dataset_root: {shared / 'data/person_290'}}}\n"
        "preprocess: {size: [64, 64]}\n"
    )
    assert main("train", ["--config", str(config), "--save_dir", str(tmp_path / "run")]) == 1
    error = capsys.readouterr().err
    sizes = r"masks/\S+\.png: expected the size of its image \S+, \d+x\d+, got \d+x\d+"
    assert re.search(sizes, error)
    assert "train_dataset.mismatched_masks: resize" in error


def test_the_foreground_of_photographs_is_the_true_one(shared, tmp_path):
    """A tenth of ECSSD's photographs here, by the published weights, whose MAE is the paper's."""
    folder = tmp_path / "photos"
    folder.mkdir()
    photos = sorted((shared / "data/ecssd_300/images").iterdir())[::30]
    for path in photos:
        (folder / path.name).symlink_to(path)
    words = ["remove", str(folder), "-o", str(tmp_path / "out"), "--only", "mask"]
    words += ["--json", str(tmp_path / "told.json"), "--presence"]
    assert main(words[0], [*words[1:], "--model", str(shared / "weights/u2netp_rembg.onnx")]) == 0
    told = json.loads((tmp_path / "told.json").read_text())["pictures"]
    assert len(told) == len(photos) == 10
    errors = []
    for entry, path in zip(told, photos):
        true = Image.open(shared / f"data/ecssd_300/ground_truth_mask/{path.stem}.png").convert("L")
        found = np.array(Image.open(entry["output"])) / 255
        true = np.array(true) / 255
        errors.append(np.abs(found - true).mean())
        assert entry["found"] == (entry["presence"] >= 0.5)
        assert entry["area"] == pytest.approx((found > 0.5).mean(), abs=1e-6)
    assert np.mean(errors) < 0.06
    assert sum(entry["found"] for entry in told) >= 9  # a photograph in a hundred is refused
