"""A program of operations run step by step with Paddle's plain functions, the slow literal way."""

import paddle
import paddle.nn.functional as F


def run(program, state, x):
    """All outputs for ``x`` (N, C, H, W), with weights in the published layout."""
    state = {name: paddle.to_tensor(value) for name, value in state.items()}
    values = []
    for step in program.operations:
        inputs = [values[number] for number in step.inputs]
        values.append(x if step.kind == "input" else _STEPS[step.kind](step, state, *inputs))
    return [values[number] for number in program.outputs]


def _conv(step, state, x):
    conv = step.conv
    padding = conv.dilation * (conv.kernel // 2)
    x = F.conv2d(
        x,
        state[f"{conv.layer}.weight"],
        state[f"{conv.layer}.bias"],
        padding=padding,
        dilation=conv.dilation,
    )
    if not conv.normalised:
        return x
    parts = (state[f"{conv.batchnorm}.{part}"] for part in ("_mean", "_variance", "weight", "bias"))
    return F.relu(F.batch_norm(x, *parts))


_STEPS = {
    "conv": _conv,
    "pool": lambda step, state, x: F.max_pool2d(x, 2, 2, ceil_mode=True),
    "resize": lambda step, state, x, like: F.interpolate(x, like.shape[2:], mode="bilinear"),
    "concat": lambda step, state, *parts: paddle.concat(parts, 1),
    "add": lambda step, state, a, b: a + b,
}
