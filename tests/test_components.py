from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import paddleseg_u2net  # noqa: F401  (before Paddle 2.6.2, which crashes otherwise)

# isort: split
from paddleseg.cvlibs import Config, SegBuilder, manager
from paddleseg.cvlibs.manager import ComponentManager

from paddleseg_u2net import components
from paddleseg_u2net.models import U2Net, U2NetP
from paddleseg_u2net.registry import register

ROOT = Path(__file__).resolve().parents[1]


def test_the_components_are_silent_before_paddlesegs_models():
    code = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import paddleseg_u2net.components, paddleseg.models
print([str(w.message) for w in caught if "exists already" in str(w.message)])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "[]", done.stderr


def test_the_components_stand_in_paddlesegs_managers():
    assert manager.MODELS["U2Net"] is U2Net
    assert manager.MODELS["U2NetP"] is manager.MODELS["U2Netp"] is U2NetP
    assert manager.LOSSES["DeepSupervisionLoss"] is components.DeepSupervisionLoss
    assert manager.DATASETS["PairDataset"] is components.PaddleSegPairDataset


YAML = """
batch_size: 2
iters: 10
train_dataset: {{type: Dataset, dataset_root: ., train_path: none.txt, num_classes: {num_classes},
                mode: train, transforms: [{{type: Normalize}}]}}
optimizer: {{type: Adam}}
lr_scheduler: {{type: PolynomialDecay, learning_rate: 0.001}}
model: {{type: {name}, num_classes: {num_classes}}}
loss: {{types: [{{type: CrossEntropyLoss}}], coef: [1, 1, 1, 1, 1, 1, 1]}}
"""


@pytest.mark.parametrize(
    "name, expected, num_classes",
    [("U2Net", U2Net, 1), ("U2NetP", U2NetP, 2), ("U2Netp", U2NetP, 1)],
)
def test_paddlesegs_builder_builds_its_own_form(tmp_path, name, expected, num_classes):
    path = tmp_path / "config.yml"
    path.write_text(YAML.format(name=name, num_classes=num_classes))
    model = SegBuilder(Config(str(path))).model
    assert type(model) is expected
    assert model.num_classes == num_classes
    assert model.outconv.weight.shape == [num_classes, 6 * num_classes, 1, 1]


def test_paddlesegs_builder_builds_a_shipped_file():
    path = ROOT / "configs" / "RGB" / "U2Net" / "u2netp.yaml"
    builder = SegBuilder(Config(str(path)))
    assert type(builder.model) is U2NetP
    assert len(builder.loss["types"]) == 7
    assert {type(loss) for loss in builder.loss["types"]} == {components.DeepSupervisionLoss}


def owned_by(module, name="Thing"):
    return type(name, (), {"__module__": module})


@pytest.fixture
def things():
    return ComponentManager("things")


@pytest.mark.parametrize("stranger", ["paddleseg_u2net_fork.models", "paddleseg.models.u2net_plus"])
def test_a_stranger_is_not_shadowed_and_stays(things, stranger):
    theirs = owned_by(stranger)
    things.add_component(theirs)
    with pytest.raises(ValueError) as error:
        register(things, owned_by("paddleseg_u2net.models"), replaces=("paddleseg.models.u2net",))
    for part in ("Thing", stranger, "things"):
        assert part in str(error.value)
    assert things["Thing"] is theirs


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("held", ["paddleseg_u2net.models", "paddleseg.models.u2net"])
def test_own_and_named_components_are_replaced(things, held):
    things.components_dict["Thing"] = owned_by(held)
    ours = owned_by("paddleseg_u2net.models")
    register(things, ours, replaces=("paddleseg.models.u2net",))
    assert things["Thing"] is ours
