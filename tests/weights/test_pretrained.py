"""Weights that a network or its backbone starts from: what fits, where it is found."""

import logging
import tarfile
import zipfile

import numpy as np
import paddle
import pytest
from paddle import nn

from paddleseg_u2net.io.download import DownloadError
from paddleseg_u2net.weights import WeightsError, write_pickle
from paddleseg_u2net.weights.pretrained import load_pretrained, locate_pretrained
from tests.http_server import Reply, Server


def layers(classes=3):
    return nn.Sequential(
        ("body", nn.Conv2D(2, 4, 3)),
        ("norm", nn.BatchNorm2D(4)),
        ("head", nn.Conv2D(4, classes, 1)),
    )


@pytest.fixture
def saved(tmp_path):
    """Weights as Paddle saves them, of three classes."""
    paddle.save(layers().state_dict(), str(tmp_path / "model.pdparams"))
    return tmp_path / "model.pdparams"


@pytest.fixture(autouse=True)
def _homes(tmp_path, monkeypatch):
    monkeypatch.setenv("U2NET_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SEG_HOME", str(tmp_path / "seg"))


def assert_loaded(layer, path, but=()):
    expected = paddle.load(str(path))
    for name, value in layer.state_dict().items():
        assert (value.numpy() == expected[name].numpy()).all() == (name not in but), name


def test_all_of_a_file_of_paddle(saved):
    layer = layers()
    assert load_pretrained(layer, saved) == 8
    assert_loaded(layer, saved)


def test_heads_of_other_classes_start_anew_and_are_named(saved, caplog):
    caplog.set_level(logging.INFO)
    layer = nn.Sequential(*layers(5).named_children(), ("extra", nn.PReLU()))
    before = layer.head.weight.numpy()
    assert load_pretrained(layer, saved) == 6
    assert "6 of Sequential's 9 tensors are loaded" in caplog.text
    assert (
        "2 tensors are of another shape in the file, so they start anew: head.weight" in caplog.text
    )
    assert "1 tensors are not in the file, so they start anew: extra._weight" in caplog.text
    assert (layer.head.weight.numpy() == before).all()


def test_a_backbone_takes_its_own_of_a_whole_network(saved, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    state = {f"backbone.{k}": v.numpy() for k, v in paddle.load(str(saved)).items()}
    write_pickle(tmp_path / "whole.pdparams", {**state, "decoder.weight": np.ones(3, "float32")})
    layer = layers()
    load_pretrained(layer, tmp_path / "whole.pdparams")
    assert_loaded(layer, saved)


def test_nothing_that_fits_is_an_error(tmp_path):
    write_pickle(tmp_path / "w.pdparams", {"conv1.weight": np.ones((2, 2), "float32")})
    with pytest.raises(
        WeightsError, match=r"w.pdparams: none of its 1 tensors fits Sequential: it"
    ):
        load_pretrained(layers(), tmp_path / "w.pdparams")
    write_pickle(tmp_path / "w.pdparams", {"norm._mean": np.full(4, np.nan, "float32")})
    with pytest.raises(WeightsError, match="norm._mean: holds NaN"):
        load_pretrained(layers(), tmp_path / "w.pdparams")


def packed(saved, path, member="deep/model.pdparams"):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(saved, member)
    else:
        with tarfile.open(path, "w:gz") as archive:
            archive.add(saved, member)
    return path


@pytest.mark.parametrize("name", ["resnet.tar.gz", "resnet.zip"])
def test_an_address_of_an_archive_is_fetched_once(saved, tmp_path, name):
    content = packed(saved, tmp_path / name).read_bytes()
    with Server() as server:
        address = server.script(f"/dygraph/{name}", Reply(content))
        for _ in range(2):
            layer = layers()
            load_pretrained(layer, address)
            assert_loaded(layer, saved)
        assert len(server.asked(f"/dygraph/{name}")) == 1
        server.script("/other/" + name, Reply(b"another"))
        other = locate_pretrained(server.address("/other/" + name))
    assert other.read_bytes() == b"another"
    assert other.parent == tmp_path / "home/pretrained"


def test_what_paddleseg_has_fetched_is_used(saved, tmp_path):
    kept = tmp_path / "seg/pretrained_model"
    for folder in ("resnet50_vd_ssld_v2", "unet_x"):
        (kept / folder).mkdir(parents=True)
        (kept / folder / "model.pdparams").write_bytes(saved.read_bytes())
    for address in (
        "https://bj.bcebos.com/paddleseg/dygraph/resnet50_vd_ssld_v2.tar.gz",
        "https://bj.bcebos.com/paddleseg/dygraph/unet_x/model.pdparams",
    ):
        assert locate_pretrained(address).is_relative_to(kept)


def test_an_address_that_gives_nothing_is_an_error(tmp_path):
    with Server() as server, pytest.raises(DownloadError, match="404"):
        locate_pretrained(server.address("/w.pdparams"))
    assert not list((tmp_path / "home/pretrained").glob("*"))


def test_an_archive_of_something_else_is_refused(saved, tmp_path):
    path = packed(saved, tmp_path / "a.tar.gz", "readme.txt")
    with pytest.raises(WeightsError, match=r"a.tar.gz: expected one model.pdparams, .* found none"):
        load_pretrained(layers(), path)


def test_positions_are_resized_as_the_transformer_does_it(tmp_path, caplog):
    from paddleseg.models.backbones.vision_transformer import VisionTransformer

    caplog.set_level(logging.INFO)
    sizes = {"patch_size": 16, "embed_dim": 8, "depth": 1, "num_heads": 2}

    class Other(VisionTransformer):  # PaddleSeg's reads weights as it is made, and fails without
        def init_weight(self):
            pass

    small, large = Other(img_size=32, **sizes), Other(img_size=48, **sizes)
    paddle.save(small.state_dict(), str(tmp_path / "vit.pdparams"))
    load_pretrained(large, tmp_path / "vit.pdparams")
    expected = large.resize_pos_embed(small.pos_embed, (2, 2), (3, 3))
    assert (large.pos_embed.numpy() == expected.numpy()).all()
    assert "pos_embed is resized from 2x2 to 3x3" in caplog.text
