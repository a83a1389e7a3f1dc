"""Files of training programs: which tensors are the network's, and what lies beside them."""

from __future__ import annotations

import argparse
import collections
import datetime
import decimal
import fractions
import logging
import pathlib
import sys
import types
import uuid

import numpy as np
import pytest

from paddleseg_u2net.weights import names, read_weights
from paddleseg_u2net.weights.checkpoints import network_weights
from paddleseg_u2net.weights.pdparams import write_pickle
from tests.weights import narrow


@pytest.fixture
def state():
    return names.to_torch(narrow.state())


def prefixed(prefix, state):
    return {f"{prefix}{name}": value for name, value in state.items()}


def half(state):
    return {name: value * 0.5 for name, value in state.items()}


def parameters(state):
    return {name: value for name, value in state.items() if "running" not in name}


def strangers(*beside):
    return {name: np.ones(1, np.float32) for name in beside}


# -- which of several --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrap",
    [
        lambda raw, average: {"state_dict": raw, "state_dict_ema": average},
        lambda raw, average: {"model": raw, "ema": average, "epoch": 3},
        lambda raw, average: {"ema": {"decay": 0.9, "shadow": average}, "model": raw},
        lambda raw, average: {"model": raw, "model_ema": prefixed("module.", average)},
        lambda raw, average: {"net": raw, "averagedModel": average},
        lambda raw, average: {"net": raw, "modelEMA": average},
        lambda raw, average: {"student": raw, "teacher": average},
        lambda raw, average: {"state_dict": {**prefixed("net.", raw), **prefixed("ema.", average)}},
        lambda raw, average: {"state_dict": {**raw, **prefixed("ema_model.", average)}},
        lambda raw, average: {"state_dict": raw, "callbacks": {"EMA": {"w": {"ema": average}}}},
        lambda raw, average: {"params": raw, "params_ema": average},
        lambda raw, average: {"model": raw, "swa_state": {**average, **strangers("n_averaged")}},
    ],
)
def test_an_average_beside_the_weights_is_taken(state, wrap):
    found = network_weights(wrap(state, half(state)))
    assert found.weights.keys() == state.keys()
    assert all((found.weights[name] == value).all() for name, value in half(state).items())
    assert "an average" in found.note and "not those of" in found.note


def test_an_average_without_running_statistics_is_not(state):
    content = {"model": state, "ema": half(parameters(state))}
    found = network_weights(content)
    assert all((found.weights[name] == value).all() for name, value in state.items())
    assert "ema lacks some" in found.note and "not those of ema" in found.note


def test_of_two_networks_the_usual_key_is_taken_and_said(state):
    content = {"other": half(state), "state_dict": state}
    found = network_weights(content)
    assert all((found.weights[name] == value).all() for name, value in state.items())
    assert found.note == "the weights of state_dict are taken, the first; not those of other"


@pytest.mark.parametrize("key", ["network", "netG", "generator", "weights", "module", "u2net"])
def test_the_network_is_found_under_any_key(state, key):
    content = {"epoch": 1, key: state, "optimizer": {"state": {0: {"exp_avg": np.ones(2)}}}}
    assert network_weights(content) == (state, "")


# -- what lies beside it -----------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["net.", "model.net.", "module.model."])
def test_tensors_outside_of_the_network_are_left_out(state, prefix):
    content = {**prefixed(prefix, state), **strangers("criterion.pos_weight", "sigma")}
    found = network_weights(content)
    assert found.weights.keys() == state.keys()
    assert "no part of the network: criterion.pos_weight, sigma" in found.note


@pytest.mark.parametrize("name", ["n_averaged", "loss_fn.weight", "criterion.window", "bce_loss.w"])
def test_buffers_of_losses_beside_bare_names_are_left_out(state, name):
    found = network_weights({**state, **strangers(name)})
    assert found.weights.keys() == state.keys() and name in found.note


def test_other_layers_of_the_network_stay_and_are_refused_later(state):
    for content in (
        {**state, **strangers("edge.weight")},
        prefixed("net.", {**state, **strangers("edge.weight")}),
    ):
        found = network_weights(content)
        assert "edge.weight" in found.weights and not found.note


def test_a_misspelt_name_under_a_prefix_keeps_the_rest(state):
    wrong = prefixed("model.", state)
    wrong["model.outcnv.weight"] = wrong.pop("model.outconv.weight")
    found = network_weights(wrong).weights
    assert set(found) == set(state) - {"outconv.weight"} | {"outcnv.weight"}


def test_other_networks_are_returned_as_they_are():
    strange = {"model.layer1.weight": 1, "model.layer2.weight": 2, "model.side1.weight": 3}
    for content in (strange, {"net.a": 1, 5: 2}, {}):
        assert network_weights(content) == (content, "")


def test_what_was_taken_is_logged_for_every_format(tmp_path, state, caplog):
    paddle = names.from_torch(state)
    write_pickle(tmp_path / "w.pdparams", {"model": paddle, "ema": half(paddle)})
    with caplog.at_level(logging.WARNING, "paddleseg_u2net"):
        again = read_weights(tmp_path / "w.pdparams")
    assert all((again[name] == value).all() for name, value in half(paddle).items())
    assert "w.pdparams: the weights of ema are taken, an average; not those of model" in caplog.text


# -- settings ----------------------------------------------------------------------------------

SETTINGS = {
    "Namespace": argparse.Namespace(lr=1e-3, sizes=[1, 2], out=pathlib.PurePosixPath("a/b")),
    "path": pathlib.Path("runs/exp1"),
    "windows": pathlib.PureWindowsPath("C:/runs"),
    "time": datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
    "day": {"start": datetime.date(2026, 1, 2), "took": datetime.timedelta(1)},
    "set": {1, 2, 3},
    "frozenset": frozenset("ab"),
    "deque": collections.deque([1.0, 2.0], maxlen=5),
    "defaultdict": collections.defaultdict(list, a=[1]),
    "uuid": uuid.UUID(int=7),
    "numbers": [decimal.Decimal("0.1"), fractions.Fraction(1, 3), 1 + 2j, range(3), slice(1, 2)],
    "SimpleNamespace": types.SimpleNamespace(a=1, b=types.SimpleNamespace(c=2)),
}


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch writes these files")


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("kind", SETTINGS)
def test_settings_beside_the_weights_do_no_harm(torch, tmp_path, state, kind, protocol):
    tensors = {name: torch.from_numpy(np.asarray(value)) for name, value in state.items()}
    content = {"args": SETTINGS[kind], "model": tensors, "more": [SETTINGS[kind]]}
    torch.save(content, tmp_path / "w.pth", pickle_protocol=protocol)
    again = read_weights(tmp_path / "w.pth")
    assert again.keys() == names.from_torch(state).keys()


@pytest.mark.parametrize(
    "place", ["easydict.EasyDict", "addict.addict.Dict", "munch.Munch", "yacs.config.CfgNode"]
)
def test_dictionaries_of_settings_do_no_harm(torch, tmp_path, state, monkeypatch, place):
    module, _, name = place.rpartition(".")
    kind = type(name, (dict,), {"__module__": module})
    monkeypatch.setitem(sys.modules, module.partition(".")[0], types.ModuleType("parent"))
    monkeypatch.setitem(sys.modules, module, types.SimpleNamespace(**{name: kind}))
    settings = kind(lr=0.1, inner=kind(a=1))
    settings.attribute = 5
    tensors = {name: torch.from_numpy(np.asarray(value)) for name, value in state.items()}
    torch.save({"cfg": settings, "state_dict": tensors}, tmp_path / "w.pth")
    monkeypatch.undo()
    assert read_weights(tmp_path / "w.pth").keys() == names.from_torch(state).keys()


class OwnSettings:
    """Of a class that no list knows."""

    def __init__(self):
        self.lr = 1.0


@pytest.mark.parametrize("own", [OwnSettings(), {0.5: 1}, {(1, 2): 3}], ids=["class", "0.5", "2"])
def test_unknown_objects_are_named_and_not_called_damage(torch, tmp_path, state, own):
    tensors = {name: torch.from_numpy(np.asarray(value)) for name, value in state.items()}
    torch.save({"cfg": own, "state_dict": tensors}, tmp_path / "w.pth")
    with pytest.raises(ValueError) as raised:
        read_weights(tmp_path / "w.pth")
    message = str(raised.value)
    assert "w.pth: expected weights and plain settings" in message and "cut" not in message
    assert "torch.save(model.state_dict(), path)" in message
    assert "OwnSettings" in message if isinstance(own, OwnSettings) else "a key of" in message


def test_settings_in_the_place_of_weights_are_named(torch, tmp_path):
    torch.save({"state_dict": {"a": argparse.Namespace(b=1)}}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match=r"'a' is of the kind argparse\.Namespace, not a tensor"):
        read_weights(tmp_path / "w.pth")
