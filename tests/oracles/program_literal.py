"""The network's operations done one by one with Paddle's plain functions, the slow literal way."""

import paddle
import paddle.nn.functional as F

from paddleseg_u2net.architecture import Functional


def run(program, state, x):
    """All outputs for ``x`` (N, C, H, W), with weights in the published layout."""
    state = {name: paddle.to_tensor(value) for name, value in state.items()}
    values = program.run(Functional(F, paddle.concat, state, x))
    return [values[number] for number in program.outputs]
