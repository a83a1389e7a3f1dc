"""Which network a set of weights belongs to."""

import pytest

from paddleseg_u2net.architecture import TABLES, Architecture, StageTable, build, recognise
from paddleseg_u2net.commands import main
from paddleseg_u2net.models import U2Net
from tests.weights import narrow


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


def test_other_widths_of_the_published_heights():
    found = recognise(build(narrow.table()).shapes(), "f.pth")
    assert found.stages == narrow.table()
    config = found.model_config()
    model = U2Net(**{key: value for key, value in config.items() if key != "type"})
    assert model.stage5.dilated and not model.stage4.dilated
    assert "stages of its own" in str(found)


def test_dilations_of_other_heights_cannot_be_known():
    table = StageTable.parse({"encoder": [[4, 2, 4], ["4F", 2, 4]], "decoder": [[4, 2, 4]]})
    with pytest.raises(ValueError, match=r"f\.pth: .*heights \[4, 4, 4\].*--config"):
        recognise(build(table).shapes(), "f.pth")


def test_nothing_and_strange_names():
    with pytest.raises(ValueError, match=r"0 tensors such as \(none\)"):
        recognise({}, "f.pth")
    with pytest.raises(ValueError, match=r"2 tensors such as a, b"):
        recognise({"b": (1,), "a": (1,)}, "f.pth")


def test_a_relative_with_conv_in_is_named():
    shapes = build(TABLES["U2Net"]).shapes()
    shapes["conv_in.weight"] = (64, 3, 3, 3)
    with pytest.raises(ValueError, match="IS-Net"):
        recognise(shapes, "isnet.pth")


@pytest.mark.parametrize("layer", ["outconv", "side6", "stage3.rebnconv1.conv_s1"])
def test_a_layer_that_is_missing_is_named(layer):
    shapes = build(TABLES["U2Net"]).shapes()
    del shapes[f"{layer}.weight"]
    with pytest.raises(ValueError, match=rf"f\.pth: .* missing, first {layer}\.weight; .*--config"):
        recognise(shapes, "f.pth")


def test_a_shape_without_numbers_is_refused_by_name():
    shapes = {**build(TABLES["U2NetP"]).shapes(), "outconv.weight": (0, 6, 1, 1)}
    with pytest.raises(ValueError, match=r"f\.pth: outconv\.weight has shape \[0, 6, 1, 1\]"):
        recognise(shapes, "f.pth")


def test_heights_that_no_file_has_layers_for_take_no_time():
    shapes = build(TABLES["U2NetP"]).shapes()
    shapes["stage1.rebnconv999.conv_s1.weight"] = (16, 16, 3, 3)
    shapes["stage1.rebnconv999999999.conv_s1.weight"] = (16, 16, 3, 3)
    assert recognise(shapes, "f.pth").stages == TABLES["U2NetP"]


def test_a_new_row_of_the_table_is_a_variant(monkeypatch, capsys):
    """Recognised, configured, counted; with other heights than the published ones, dilated too."""
    rows = {"encoder": [[5, 4, 8], [4, 4, 8], ["4F", 4, 8]], "decoder": [[4, 4, 8], [5, 4, 8]]}
    monkeypatch.setitem(TABLES, "U2NetS", StageTable.parse(rows))
    found = recognise(build(TABLES["U2NetS"], 2, 4).shapes(), "f.pth")
    assert found == ("U2NetS", TABLES["U2NetS"], 2, 4)
    assert found.model_config() == {"type": "U2NetS", "num_classes": 2, "in_channels": 4}
    assert main("model_info", []) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["320x320", *TABLES]


def test_heights_in_quotes_are_the_same():
    rows = TABLES["U2Net"].as_dict()
    quoted = {part: [[str(height), *row] for height, *row in rows[part]] for part in rows}
    assert Architecture.of(StageTable.parse(quoted), 1, 3).type == "U2Net"
