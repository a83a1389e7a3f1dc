"""Photographs: the shipped configurations are found good, and masks of other images are told."""

from pathlib import Path

import pytest

from paddleseg_u2net.config import Config
from paddleseg_u2net.training.diagnosis import EXAMINATIONS
from paddleseg_u2net.training.diagnosis.subject import Subject

ROOT = Path(__file__).resolve().parents[3]
pytestmark = [pytest.mark.realdata, pytest.mark.slow]

SETS = {
    "u2net_duts": ("ecssd_300", "images: images, masks: ground_truth_mask"),
    "u2net_person": ("person_290", "images: images, masks: masks, mismatched_masks: resize"),
    "u2netp": ("optic_disc_seg", "train_path: train_list.txt"),
}


@pytest.mark.parametrize("name", SETS)
def test_photographs_are_found_good_and_mixed_ones_are_not(shared, name):
    folder, where = SETS[name]
    data = f"{{type: PairDataset, dataset_root: {shared / 'data' / folder}, {where}, "
    resize = "transforms: [{type: Resize, target_size: [96, 96]}]"
    opts = [f"train_dataset={data}{resize}, name: null, mask_values: auto}}", "model.type=U2NetP"]
    config = Config(ROOT / f"configs/RGB/U2Net/{name}.yaml", [*opts, "preprocess.size=[96, 96]"])
    subject = Subject(config, seed=0, num_workers=0, seconds=600)
    for examination in ("labels", "pairing", "preprocessing", "outputs", "gradients"):
        assert EXAMINATIONS[examination].run(subject).findings == [], examination
    labels = [(sample.label, sample.target) for sample in subject.samples]
    for sample, (label, target) in zip(subject.samples, labels[1:] + labels[:1]):
        sample.label, sample.target = label, target
    (found,) = EXAMINATIONS["pairing"].run(subject).findings
    assert found.name == "pairs_mismatched" and found.severity == "error"
