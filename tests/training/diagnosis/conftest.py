"""Drawings to examine, set-ups of them, and what is found."""

from pathlib import Path
from typing import Any, Dict, List, Set

import pytest

from paddleseg_u2net import components, registry
from paddleseg_u2net.config import Config
from paddleseg_u2net.datasets.synthetic import draw_pair
from paddleseg_u2net.io.images import write_png
from paddleseg_u2net.training.diagnosis import EXAMINATIONS, Finding
from paddleseg_u2net.training.diagnosis.subject import Subject
from tests.conftest import tiny_config

assert components  # all are registered before a test looks at what is
SIDE, PAIRS = 64, 12


@pytest.fixture(autouse=True)
def _components_as_they_were():
    before = registry.components()
    yield
    registry.reset(before)


class Pairs:
    """Images and masks in a folder, to be spoilt before they are written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        drawn = [draw_pair(index, 0, (SIDE, SIDE)) for index in range(PAIRS)]
        self.images = [image for image, _ in drawn]
        self.masks = [mask for _, mask in drawn]

    def config(self, side: int = SIDE, **changes: Any) -> Dict[str, Any]:
        """What trains a tiny network on them; ``changes`` are of train_dataset."""
        lines = []
        for number, (image, mask) in enumerate(zip(self.images, self.masks)):
            write_png(self.folder / f"images/{number}.png", image)
            write_png(self.folder / f"masks/{number}.png", mask)
            lines.append(f"images/{number}.png masks/{number}.png\n")
        (self.folder / "train_list.txt").write_text("".join(lines))
        config = tiny_config(self.folder)
        if side < SIDE:  # for what learns: the paper's body in small
            config["model"]["stages"] = {
                "encoder": [[4, 8, 16], [3, 8, 16], ["2F", 8, 16]],
                "decoder": [[3, 8, 16], [4, 8, 16]],
            }
            config["loss"]["coef"] = [1, 1, 1, 1]
        resize = {"type": "Resize", "target_size": [side, side]}
        config["train_dataset"]["transforms"] = [resize, {"type": "RandomHorizontalFlip"}]
        config["train_dataset"].update(changes)
        config["preprocess"] = {"size": [side, side]}
        config["batch_size"] = 4
        return config


@pytest.fixture
def pairs(tmp_path) -> Pairs:
    return Pairs(tmp_path / "data")


def examined(config: Dict[str, Any], *names: str) -> List[Finding]:
    """What the named examinations find, in the table's order."""
    subject = Subject(Config(config), seed=0, num_workers=0, seconds=600)
    chosen = sorted((EXAMINATIONS[name] for name in names), key=lambda e: e.place)
    return [finding for one in chosen for finding in one.run(subject).findings]


# Those that take no steps.
QUICK = ("labels", "pairing", "preprocessing", "outputs", "gradients")


def names(findings: List[Finding]) -> Set[str]:
    return {finding.name for finding in findings}
