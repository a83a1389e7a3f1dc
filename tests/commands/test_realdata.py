"""The commands on real photographs, where the reference data is at hand."""

import re
from pathlib import Path

import pytest

from paddleseg_u2net.commands import main

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.realdata


@pytest.mark.slow
def test_u2netp_learns_the_optic_disc_within_forty_steps(shared, tmp_path, capsys):
    root = shared / "data/optic_disc_seg"
    config = ROOT / "configs/RGB/U2Net/u2netp_optic_disc_128.yaml"
    words = ["--config", str(config), "--save_dir", str(tmp_path), "--do_eval", "--iters", "40"]
    opts = [f"{part}_dataset.dataset_root={root}" for part in ("train", "val")]
    # 96 px: half the time, and enough to tell learning from not learning
    opts += ["preprocess.size=[96, 96]", "train_dataset.transforms.0.target_size=[96, 96]"]
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
