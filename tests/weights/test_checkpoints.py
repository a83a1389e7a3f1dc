"""Files of training programs: which tensors are the network's, and what lies beside them."""

from __future__ import annotations

import argparse
import collections
import datetime
import decimal
import fractions
import functools
import logging
import pathlib
import pickle
import types
import uuid

import numpy as np
import pytest

from paddleseg_u2net.weights import read_weights
from paddleseg_u2net.weights.checkpoints import network_weights
from paddleseg_u2net.weights.layout import from_torch, to_torch
from paddleseg_u2net.weights.pdparams import write_pickle
from tests.weights import narrow


@pytest.fixture
def state():
    return to_torch(narrow.state())


def prefixed(prefix, state):
    return {f"{prefix}{name}": value for name, value in state.items()}


def half(state):
    return {name: value * 0.5 for name, value in state.items()}


def parameters(state):
    return {name: value for name, value in state.items() if "running" not in name}


def strangers(*beside):
    return {name: np.ones(1, np.float32) for name in beside}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda raw, average: {"state_dict": raw, "state_dict_ema": average},
        lambda raw, average: {"model": raw, "ema": average, "epoch": 3},
        lambda raw, average: {"net": raw, "averagedModel": average},
        lambda raw, average: {"student": raw, "teacher": average},
        lambda raw, average: {"state_dict": {**prefixed("net.", raw), **prefixed("ema.", average)}},
        lambda raw, average: {"model": raw, "swa_state": {**average, **strangers("n_averaged")}},
        lambda raw, average: {  # the package ema-pytorch
            "model": raw,
            "ema": {**prefixed("online_model.", raw), **prefixed("ema_model.", average)},
        },
    ],
)
def test_an_average_beside_the_weights_is_taken(state, wrap):
    weights, note = network_weights(wrap(state, half(state)))
    assert weights.keys() == state.keys()
    assert all((weights[name] == value).all() for name, value in half(state).items())
    assert "an average" in note and "not those of" in note


def test_an_average_without_running_statistics_is_not(state):
    content = {"model": state, "ema": half(parameters(state))}
    weights, note = network_weights(content)
    assert all((weights[name] == value).all() for name, value in state.items())
    assert "the first that is complete" in note and "not those of ema" in note


def test_an_average_without_the_names_is_told_of(state):
    listed = {"model": state, "ema": {"decay": 0.9, "shadow_params": list(half(state).values())}}
    weights, note = network_weights(listed)
    assert weights == state
    assert "ema.shadow_params, by its name an average, is not read" in note


def test_of_two_networks_the_usual_key_is_taken_and_said(state):
    content = {"other": half(state), "state_dict": state}
    weights, note = network_weights(content)
    assert all((weights[name] == value).all() for name, value in state.items())
    assert note.startswith("the weights of state_dict are taken, the first")


def test_mmengine_has_the_average_where_the_weights_are_usually(state):
    content = {"state_dict": prefixed("backbone.", half(state)), "message_hub": {}, "meta": {}}
    content["ema_state_dict"] = prefixed("module.backbone.", state)
    weights, note = network_weights(content)
    assert all((weights[name] == value).all() for name, value in half(state).items())
    assert "where MMEngine saves the average; not those of ema_state_dict" in note


@pytest.mark.parametrize("key", ["exp_avg", "momentum_buffer"])
def test_what_an_optimizer_keeps_is_never_taken(state, key):
    for kept in (
        {"optimizer": {"state": {key: half(state)}}},
        {key: half(state)},
        {"optim": prefixed(f"{key}.", half(state))},
    ):
        assert network_weights({**kept, "weights": state}) == (state, "")
        with pytest.raises(ValueError, match=f"{key} has the names .* belongs to an optimizer"):
            network_weights(kept)


@pytest.mark.parametrize("wrapper", ["_fsdp_wrapped_module", "_checkpoint_wrapped_module"])
def test_wrappers_inside_of_names_are_taken_off(state, wrapper):
    wrapped = {
        f"{wrapper}.{name}".replace("rebnconvin.", f"_orig_mod.rebnconvin.{wrapper}."): value
        for name, value in state.items()
    }
    assert network_weights({"model": wrapped})[0].keys() == state.keys()


@pytest.mark.parametrize("key", ["network", "netG"])
def test_the_network_is_found_under_any_key(state, key):
    content = {"epoch": 1, key: state, "optimizer": {"state": {0: {"exp_avg": np.ones(2)}}}}
    assert network_weights(content) == (state, "")


@pytest.mark.parametrize("prefix", ["net.", "module.model."])
def test_tensors_outside_of_the_network_are_left_out(state, prefix):
    content = {**prefixed(prefix, state), **strangers("criterion.pos_weight", "sigma")}
    weights, note = network_weights(content)
    assert weights.keys() == state.keys()
    assert "no part of the network: criterion.pos_weight, sigma" in note


@pytest.mark.parametrize("name", ["n_averaged", "loss_fn.weight", "criterion.window", "bce_loss.w"])
def test_buffers_of_losses_beside_bare_names_are_left_out(state, name):
    weights, note = network_weights({**state, **strangers(name)})
    assert weights.keys() == state.keys() and name in note


def test_other_layers_of_the_network_stay_and_are_refused_later(state):
    for content in (
        {**state, **strangers("edge.weight")},
        prefixed("net.", {**state, **strangers("edge.weight")}),
    ):
        weights, note = network_weights(content)
        assert "edge.weight" in weights and not note


def test_a_misspelt_name_under_a_prefix_keeps_the_rest(state):
    wrong = prefixed("model.", state)
    wrong["model.outcnv.weight"] = wrong.pop("model.outconv.weight")
    weights, _ = network_weights(wrong)
    assert set(weights) == set(state) - {"outconv.weight"} | {"outcnv.weight"}


def test_other_networks_are_returned_as_they_are():
    strange = {"model.layer1.weight": 1, "model.layer2.weight": 2, "model.side1.weight": 3}
    for content in (strange, {"net.a": 1, 5: 2}, {}):
        assert network_weights(content) == (content, "")


def test_what_was_taken_is_logged_for_every_format(tmp_path, state, caplog):
    paddle = from_torch(state)
    write_pickle(tmp_path / "w.pdparams", {"model": paddle, "ema": half(paddle)})
    with caplog.at_level(logging.WARNING, "paddleseg_u2net"):
        again = read_weights(tmp_path / "w.pdparams")
    assert all((again[name] == value).all() for name, value in half(paddle).items())
    assert "w.pdparams: the weights of ema are taken, an average; not those of model" in caplog.text


def test_arrays_pickled_by_pytorchs_names_are_read(tmp_path, state):
    (tmp_path / "w.pkl").write_bytes(pickle.dumps(state))
    again = read_weights(tmp_path / "w.pkl")
    assert all((again[name] == value).all() for name, value in from_torch(state).items())


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
    "keys": {(1, 2): 3, 0.5: 0.8, None: 1, (): {1.5: 2}},
    "names": np.array(["cat", "dog"]),
    "name": np.str_("cat"),
    "bytes": [np.array([b"cat"]), bytearray(b"ab")],
    "times": [np.datetime64("2026-01-02"), np.array(["2026-01-02"], "datetime64[s]")],
    "time span": np.timedelta64(3, "h"),
    "array": np.arange(6.0).reshape(2, 3).T,
    "type": np.float32,
}


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch writes these files")


@pytest.mark.parametrize("protocol", [2, 5])
def test_settings_beside_the_weights_do_no_harm(torch, tmp_path, state, protocol):
    tensors = {name: torch.from_numpy(np.asarray(value)) for name, value in state.items()}
    content = {"args": SETTINGS, "model": tensors, "more": [SETTINGS]}
    torch.save(content, tmp_path / "w.pth", pickle_protocol=protocol)
    again = read_weights(tmp_path / "w.pth")
    assert again.keys() == from_torch(state).keys()


OF_TRAINING = {
    "optimizer": lambda torch, one: torch.optim.AdamW([one]),
    "schedule": lambda torch, one: torch.optim.lr_scheduler.StepLR(torch.optim.SGD([one], 1), 3),
    "scaler": lambda torch, one: torch.amp.GradScaler("cpu"),
    "loss": lambda torch, one: torch.nn.BCEWithLogitsLoss(pos_weight=one.detach()),
    "class": lambda torch, one: [torch.nn.BCELoss, torch.optim.Adam],
    "partial": lambda torch, one: functools.partial(torch.optim.Adam, lr=0.1),
    "version": lambda torch, one: torch.__version__,
}


@pytest.mark.parametrize("kind", OF_TRAINING)
def test_objects_of_training_beside_the_weights_do_no_harm(torch, tmp_path, state, kind):
    tensors = {name: torch.from_numpy(np.asarray(value)) for name, value in state.items()}
    beside = OF_TRAINING[kind](torch, torch.ones(1, requires_grad=True))
    torch.save({"model": tensors, "beside": beside}, tmp_path / "w.pth")
    assert read_weights(tmp_path / "w.pth").keys() == from_torch(state).keys()
    torch.save({"model": beside}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match=r"w\.pth: expected weights"):
        read_weights(tmp_path / "w.pth")


class OwnSettings:
    """Of a class that no list knows."""

    def __init__(self):
        self.lr = 1.0


def test_unknown_objects_are_named_and_not_called_damage(torch, tmp_path, state):
    tensors = {name: torch.from_numpy(np.asarray(value)) for name, value in state.items()}
    torch.save({"cfg": OwnSettings(), "state_dict": tensors}, tmp_path / "w.pth")
    with pytest.raises(ValueError) as raised:
        read_weights(tmp_path / "w.pth")
    message = str(raised.value)
    assert "w.pth: expected weights and plain settings" in message and "cut" not in message
    assert "torch.save(model.state_dict(), path)" in message and "OwnSettings" in message
