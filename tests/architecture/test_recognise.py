"""Which network a set of weights belongs to."""

import pytest

from paddleseg_u2net.architecture import TABLES, StageTable, build, recognise
from paddleseg_u2net.models import U2Net


@pytest.mark.parametrize("num_classes, in_channels", [(1, 3), (4, 1)])
@pytest.mark.parametrize("name", TABLES)
def test_published_models(name, num_classes, in_channels):
    found = recognise(build(TABLES[name], num_classes, in_channels).shapes(), "f.pth")
    assert (found.type, found.stages) == (name, TABLES[name])
    assert (found.num_classes, found.in_channels) == (num_classes, in_channels)
    assert found.model_config() == {
        "type": name,
        "num_classes": num_classes,
        "in_channels": in_channels,
    }


def narrow(divisor):
    rows = {
        part: [[row.height, row.mid // divisor, row.out // divisor] for row in rows]
        for part, rows in TABLES["U2Net"]._asdict().items()
    }
    return StageTable.parse(rows)


def test_other_widths_of_the_published_heights():
    found = recognise(build(narrow(8)).shapes(), "f.pth")
    assert found.stages == narrow(8)
    config = found.model_config()
    model = U2Net(**{key: value for key, value in config.items() if key != "type"})
    assert model.stage5.dilated and not model.stage4.dilated
    assert "stages of its own" in str(found)


def test_dilations_of_other_heights_cannot_be_known():
    table = StageTable.parse({"encoder": [[4, 2, 4], ["4F", 2, 4]], "decoder": [[4, 2, 4]]})
    with pytest.raises(ValueError, match=r"f\.pth: .*heights \[4, 4, 4\].*--config"):
        recognise(build(table).shapes(), "f.pth")


@pytest.mark.parametrize(
    "names, looks",
    [
        (["layer1.0.conv1.weight", "fc.weight"], "a ResNet"),
        (["backbone.conv1.weight"], "ResNet backbone"),
        (["inconv.weight", "encoder1.0.conv1.weight"], "BASNet"),
        (["inc.double_conv.0.weight", "down1.0.weight"], "a U-Net"),
        (["blocks.0.attn.qkv.weight"], "a transformer"),
    ],
)
def test_other_networks_are_named(names, looks):
    with pytest.raises(ValueError, match="expected weights of a U²-Net") as error:
        recognise(dict.fromkeys(names, (4, 3, 3, 3)), "f.pth")
    assert looks in str(error.value) and names[0] in str(error.value)


def test_nothing_and_strange_names():
    with pytest.raises(ValueError, match=r"0 tensors such as \(none\)"):
        recognise({}, "f.pth")
    with pytest.raises(ValueError, match=r"2 tensors such as a, b"):
        recognise({"b": (1,), "a": (1,)}, "f.pth")


def test_a_relative_with_conv_in_is_named():
    shapes = {f"side{n}.weight": (1, 64, 3, 3) for n in range(1, 7)}
    shapes["stage1.rebnconvin.conv_s1.weight"] = (64, 64, 3, 3)
    shapes["conv_in.weight"] = (64, 3, 3, 3)
    with pytest.raises(ValueError, match="IS-Net"):
        recognise(shapes, "isnet.pth")


def test_a_cut_file_names_what_is_missing():
    shapes = build(TABLES["U2NetP"]).shapes()
    cut = {name: shape for name, shape in shapes.items() if not name.startswith("stage3.")}
    with pytest.raises(ValueError, match=r"no convolutions stage3\.rebnconvin\.conv_s1"):
        recognise(cut, "f.pth")
