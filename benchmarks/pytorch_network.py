"""U²-Net in PyTorch as its authors train it, made of this project's list of operations: a bias in
every convolution, BatchNorm in training mode, ReLU in place, the sum of seven cross-entropies.
"""

from typing import Dict, List

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from paddleseg_u2net.architecture.program import Operation, Program


class Network(nn.Module):
    """The network of a program; its results are the fused logits and those of all sides."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.program = program
        self.convolutions, self.batchnorms = nn.ModuleDict(), nn.ModuleDict()
        for conv in program.convolutions:
            name = _key(conv.name)
            self.convolutions[name] = nn.Conv2d(
                conv.in_channels,
                conv.out_channels,
                conv.kernel,
                padding=conv.padding,
                dilation=conv.dilation,
            )
            if conv.normalised:
                self.batchnorms[name] = nn.BatchNorm2d(conv.out_channels)

    def load(self, state: Dict[str, np.ndarray]) -> None:
        """Take weights by this project's names; biases that those do not have become zero."""
        for name, parameter in self.by_name().items():
            values = state.get(name, np.zeros(tuple(parameter.shape)))
            parameter.data.copy_(torch.from_numpy(values))

    def by_name(self) -> Dict[str, nn.Parameter]:
        """The parameters by this project's names."""
        found = {}
        for conv in self.program.convolutions:
            layers = {conv.layer: self.convolutions[_key(conv.name)]}
            if conv.normalised:
                layers[conv.batchnorm] = self.batchnorms[_key(conv.name)]
            for name, layer in layers.items():
                found.update({f"{name}.weight": layer.weight, f"{name}.bias": layer.bias})
        return found

    def forward(self, images: Tensor) -> List[Tensor]:
        self._images = images
        values = self.program.run(self)
        return [values[number] for number in self.program.outputs]

    def input(self, step: Operation) -> Tensor:
        return self._images

    def conv(self, step: Operation, x: Tensor) -> Tensor:
        name = _key(step.convolution.name)
        x = self.convolutions[name](x)
        return F.relu_(self.batchnorms[name](x)) if step.convolution.normalised else x

    def pool(self, step: Operation, x: Tensor) -> Tensor:
        return F.max_pool2d(x, 2, stride=2, ceil_mode=True)

    def resize(self, step: Operation, x: Tensor, like: Tensor) -> Tensor:
        return F.interpolate(x, size=like.shape[2:], mode="bilinear")

    def concat(self, step: Operation, *parts: Tensor) -> Tensor:
        return torch.cat(parts, 1)

    def add(self, step: Operation, one: Tensor, other: Tensor) -> Tensor:
        return one + other


def loss(results: List[Tensor], masks: Tensor) -> Tensor:
    """The sum of the cross-entropies of all results; masks are (N, H, W)."""
    return sum(F.binary_cross_entropy_with_logits(one[:, 0], masks) for one in results)


def _key(name: str) -> str:
    return name.replace(".", "/")  # of which PyTorch's names may have none
