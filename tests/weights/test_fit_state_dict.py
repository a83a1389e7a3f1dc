from __future__ import annotations

import numpy as np
import pytest

import paddleseg_u2net  # noqa: F401  (before Paddle 2.6.2, which crashes otherwise)

# isort: split
import paddle

from paddleseg_u2net.models import U2Net, U2NetP
from paddleseg_u2net.weights import (
    WeightsError,
    fit_state,
    fold_biases,
    load_weights,
    restore_biases,
    write_pickle,
)
from tests.models.stock import SMALL, as_numpy, difference, images, random_state, shapes, twins

UNIT = "stage1.rebnconvin"


@pytest.fixture(scope="module")
def model():
    model = U2Net(stages=SMALL)
    model.eval()
    return model


@pytest.fixture(scope="module")
def drawn(model):
    """Random weights of the model in the published layout, with biases that are not 0."""
    rng = np.random.default_rng(5)
    state = random_state(model)
    for name, value in restore_biases(state).items():
        if name not in state:
            state[name] = rng.normal(0, 0.3, value.shape).astype("float32")
    return state


@pytest.fixture
def state(drawn):
    return dict(drawn)


def problems(state, model):
    """The message with which weights are refused."""
    with pytest.raises(WeightsError) as error:
        fit_state(state, shapes(model), "file.pdparams")
    assert str(error.value).startswith("file.pdparams: these weights do not fit the model")
    return str(error.value)


def test_a_bias_is_folded_into_the_running_mean_only(state):
    folded = fold_biases(state)
    biases = {name for name in state if name.endswith("conv_s1.bias")}
    assert biases and set(folded) == set(state) - biases
    for name, value in folded.items():
        bias = state.get(name.replace("bn_s1._mean", "conv_s1.bias"))
        expected = state[name] - bias if name.endswith("._mean") else state[name]
        np.testing.assert_array_equal(value, expected, err_msg=name)


def test_both_layouts_fit_to_the_same_weights(state, model):
    one = fit_state(state, shapes(model), "published")
    other = fit_state(fold_biases(state), shapes(model), "ours")
    assert {name: list(value.shape) for name, value in one.items()} == shapes(model)
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_float_types_become_float32_after_folding(state, model, dtype):
    cast = {name: value.astype(dtype) for name, value in state.items()}
    fitted = fit_state(cast, shapes(model), "file")
    exact = fold_biases({name: value.astype("float64") for name, value in cast.items()})
    for name, value in fitted.items():
        assert value.dtype == np.float32, name
        np.testing.assert_allclose(value, exact[name], rtol=1e-6, atol=1e-8, err_msg=name)


def test_a_renamed_weight_is_shown_by_both_names(state, model):
    state["side2.wieght"] = state.pop("side2.weight")
    message = problems(state, model)
    assert "side2.weight: not in the file" in message
    assert "side2.wieght: the model has no such weight" in message


@pytest.mark.parametrize(
    "name, value, words",
    [
        ("stage9.weight", np.zeros(3), "the model has no such weight"),
        (5, "text", "the model has no such weight"),
        ("outconv.weight", np.zeros((2, 8, 1, 1)), "expected shape [1, 4, 1, 1], got [2, 8, 1, 1]"),
        (f"{UNIT}.conv_s1.bias", np.ones(1), "expected shape [16], got [1]"),
        (
            f"{UNIT}.conv_s1.bias",
            np.full(16, np.nan),
            "holds NaN or infinity, or numbers too large",
        ),
        ("side1.bias", np.array([1e300]), "holds NaN or infinity, or numbers too large"),
        ("side1.bias", np.ones(1, "int8"), "expected numbers of floating point, got int8"),
        ("side1.bias", [[1], [1, 2]], "expected numbers of floating point, got list"),
        (f"{UNIT}.bn_s1._variance", np.full(16, -0.25), "holds -0.25; a variance is 0 or more"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_by_name(state, model, name, value, words):
    state[name] = value
    assert f"{name}: {words}" in problems(state, model)


def test_a_message_counts_what_it_does_not_show(state, model):
    message = problems({}, model)
    assert len(message.splitlines()) < 15
    assert f"... and {len(shapes(model)) - 8} more" in message


@pytest.fixture
def fresh():
    paddle.seed(3)
    model = U2Net(stages=SMALL)
    model.eval()
    return model


def test_a_file_or_its_folder_loads_every_weight(state, fresh, tmp_path):
    path = tmp_path / "model.pdparams"
    write_pickle(path, state)
    expected = fit_state(state, shapes(fresh), "file")
    for given in (path, str(path), tmp_path):
        fresh.set_state_dict({name: np.zeros_like(v) for name, v in as_numpy(fresh).items()})
        load_weights(fresh, given)
        for name, value in as_numpy(fresh).items():
            np.testing.assert_array_equal(value, expected[name], err_msg=name)


@pytest.mark.parametrize("fault", ["nan", "cut", "none"])
def test_a_load_that_fails_leaves_the_model_as_it_was(state, fresh, tmp_path, fault):
    path = tmp_path / "model.pdparams"
    if fault == "nan":
        state["outconv.bias"] = np.full(1, np.nan, "float32")
    if fault != "none":
        write_pickle(path, state)
    if fault == "cut":
        path.write_bytes(path.read_bytes()[:-1000])
    before, map_before = as_numpy(fresh), fresh(images((16, 16)))[0].numpy()
    with pytest.raises(FileNotFoundError if fault == "none" else ValueError) as error:
        load_weights(fresh, path)
    assert str(path) in str(error.value)
    for name, value in as_numpy(fresh).items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)
    np.testing.assert_array_equal(fresh(images((16, 16)))[0].numpy(), map_before)


def test_stocks_model_loads_our_layout_and_gives_the_same_map(tmp_path):
    theirs, ours = twins("U2NetP")
    theirs.set_state_dict({name: np.zeros_like(v) for name, v in as_numpy(theirs).items()})
    path = tmp_path / "model.pdparams"
    write_pickle(path, restore_biases(as_numpy(ours)))
    missing, unexpected = theirs.set_state_dict(paddle.load(str(path)))
    assert not missing and not unexpected
    theirs.eval()
    ours.eval()
    x = images((40, 37))
    assert difference(ours(x)[0], theirs(x)[0]) < 1e-5


def head_names(model):
    return {name for name in shapes(model) if name.startswith(("side", "outconv"))}


@pytest.fixture(scope="module")
def one_class_file(tmp_path_factory, drawn):
    path = tmp_path_factory.mktemp("heads") / "one.pdparams"
    write_pickle(path, drawn)
    return path


@pytest.mark.parametrize("num_classes, heads", [(3, "fitting"), (3, "new"), (1, "new")])
def test_heads_of_other_classes_start_anew_with_a_message(
    one_class_file, drawn, num_classes, heads, caplog
):
    target = U2Net(num_classes, stages=SMALL)
    before = as_numpy(target)
    with caplog.at_level("INFO", logger="paddleseg_u2net"):
        load_weights(target, one_class_file, heads)
    assert f"({len(head_names(target))} tensors) start anew" in caplog.text
    expected = fold_biases(drawn)
    for name, value in as_numpy(target).items():
        from_file = name not in head_names(target)
        np.testing.assert_array_equal(value, (expected if from_file else before)[name], name)


def test_heads_that_fit_are_the_files(one_class_file, drawn, caplog):
    target = U2Net(1, stages=SMALL)
    with caplog.at_level("INFO", logger="paddleseg_u2net"):
        load_weights(target, one_class_file, "fitting")
    assert not caplog.text
    for name in head_names(target):
        np.testing.assert_array_equal(as_numpy(target)[name], drawn[name])


def test_a_file_without_some_heads_is_broken(tmp_path, drawn):
    cut = {name: value for name, value in drawn.items() if not name.startswith("side2")}
    write_pickle(tmp_path / "cut.pdparams", cut)
    with pytest.raises(WeightsError, match=r"side2\.weight: not in the file"):
        load_weights(U2Net(3, stages=SMALL), tmp_path / "cut.pdparams", "fitting")


def test_the_model_takes_a_file_and_new_heads_as_arguments(one_class_file, drawn):
    paddle.seed(1)
    kept = U2Net(1, stages=SMALL, pretrained=str(one_class_file))
    anew = U2Net(1, stages=SMALL, pretrained=str(one_class_file), new_heads=True)
    np.testing.assert_array_equal(kept.side1.weight.numpy(), drawn["side1.weight"])
    assert not np.array_equal(anew.side1.weight.numpy(), drawn["side1.weight"])
    name = "stage1.rebnconvin.conv_s1.weight"
    np.testing.assert_array_equal(as_numpy(anew)[name], drawn[name])


def test_weights_of_another_variant_are_called_by_its_name(tmp_path):
    write_pickle(tmp_path / "p.pdparams", as_numpy(U2NetP()))
    with pytest.raises(WeightsError, match="looks like U2NetP, 3 channels in, 1 class out"):
        load_weights(U2Net(stages=SMALL), tmp_path / "p.pdparams")


def test_other_stages_are_not_called_other_classes(one_class_file, drawn, caplog):
    rows = {"encoder": [[4, 4, 24], ["3F", 4, 24]], "decoder": [[4, 4, 24]]}
    with caplog.at_level("INFO", logger="paddleseg_u2net"), pytest.raises(WeightsError):
        load_weights(U2Net(1, stages=rows), one_class_file, "fitting")
    assert not caplog.text
