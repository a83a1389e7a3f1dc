"""The network's operations done one by one with Paddle's plain functions, the slow literal way."""

import paddle


class Functional:
    """The operations with functions of Paddle or PyTorch, whose names are mostly the same."""

    def __init__(self, functions, concat, weights, images):
        self.functions, self.join = functions, concat
        self.weights, self.images = weights, images

    def input(self, step):
        return self.images

    def conv(self, step, x):
        conv, given = step.conv, self.weights
        kernel, bias = given[f"{conv.layer}.weight"], given[f"{conv.layer}.bias"]
        x = self.functions.conv2d(x, kernel, bias, padding=conv.padding, dilation=conv.dilation)
        if not conv.normalised:
            return x
        parts = [given[f"{conv.batchnorm}.{p}"] for p in ("_mean", "_variance", "weight", "bias")]
        return self.functions.relu(self.normalised(x, *parts))

    def normalised(self, x, *parts):
        return self.functions.batch_norm(x, *parts)

    def pool(self, step, x):
        return self.functions.max_pool2d(x, 2, 2, ceil_mode=True)

    def resize(self, step, x, like):
        return self.functions.interpolate(x, like.shape[2:], mode="bilinear")

    def concat(self, step, *parts):
        return self.join(list(parts), 1)

    def add(self, step, a, b):
        return a + b


def run(program, state, x):
    """All outputs for ``x`` (N, C, H, W), with weights in the published layout."""
    state = {name: paddle.to_tensor(value) for name, value in state.items()}
    values = program.run(Functional(paddle.nn.functional, paddle.concat, state, x))
    return [values[number] for number in program.outputs]
