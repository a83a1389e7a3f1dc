"""What layers do to maps of activations, on oneDNN, recorded to go back the same way.

Layers call the same functions with a `Map` as with a tensor of Paddle. A `Map` lies in NHWC, in
which oneDNN needs no copies; activations and gradients are freed as soon as their last reader ran.
"""

from __future__ import annotations

from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Union

import numpy as np
import paddle
from paddle import Tensor, nn

from paddleseg_u2net.onednn import batchnorm, primitives
from paddleseg_u2net.onednn import library as dnnl
from paddleseg_u2net.onednn.memory import Block, Span, place
from paddleseg_u2net.onednn.primitives import Convolution, Shape


class Gradient:
    """The gradient of a map, as far as it has been summed up."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._sum: Optional[Block] = None
        self._shared = False

    def add(self, share: Block, shared: bool = False) -> None:
        """Add a share; ``shared``: others read it too, so it is not to be changed."""
        if self._sum is None:
            self._sum, self._shared = share, shared
            return
        target = self._sum
        if self._shared:
            target = Block(self.shape.bytes) if shared else share
        add = primitives.sum_of_two(self.shape)
        add({dnnl.SRC: self._sum, dnnl.SRC_1: share, dnnl.DST: target})
        self._sum, self._shared = target, False

    def take(self) -> Optional[Block]:
        """The sum, which is forgotten here; None if nothing came."""
        taken, self._sum = self._sum, None
        return taken


def _add(share: Block, gradient: Optional[Gradient]) -> None:
    if gradient is not None:
        gradient.add(share)


class Map:
    """An activation (N, C, H, W) of a tape.

    ``gradient`` is None where none is wanted. ``finite`` is False where something before it is NaN
    or infinite: then all of it counts as NaN, which oneDNN's ReLU would turn into zero.
    """

    def __init__(self, tape: Tape, form: Shape, block: Block, wanted: bool, finite: bool) -> None:
        self.tape, self.form, self.block, self.finite = tape, form, block, finite
        self.gradient = Gradient(form) if wanted else None

    @property
    def shape(self) -> List[int]:
        """(N, C, H, W), as a tensor's."""
        return list(self.form)

    def __add__(self, other: Map) -> Map:
        return self.tape.add(self, other)


class Joined:
    """Maps side by side in the channels, which nobody copies together."""

    def __init__(self, maps: Sequence[Map]) -> None:
        self.maps, self.tape = maps, maps[0].tape


class _Part(NamedTuple):
    """One of a convolution's inputs, and its part of the kernel."""

    form: Convolution
    first: int
    block: Block
    gradient: Optional[Gradient]

    def kernel(self, whole: Tensor) -> Span:
        """Where its part of a kernel (O, I, 3, 3) begins."""
        address, size = place(whole)
        # oneDNN counts from the beginning of the first row to behind the last one's.
        return Span(address + 9 * 4 * self.first, size)


class Tape:
    """What was done, in order.

    Args:
        records: there will be a way back.
        learns: BatchNorms average the batch into their running statistics.
    """

    def __init__(self, records: bool, learns: bool = True) -> None:
        self.records, self.learns = records, learns
        self.gradients: Dict[int, Tensor] = {}
        """Of parameters, by ``id``."""
        self._steps: List[Callable[[], None]] = []

    def enter(self, images: Tensor) -> Map:
        """A map with the values of a tensor."""
        form = Shape(*images.shape)
        finite = bool(np.isfinite(images.numpy()).all())
        return self._map(form, to_block(images), not images.stop_gradient, finite)

    def leave(self, result: Map) -> Tensor:
        """A tensor with the values of a map."""
        if not result.finite:
            return paddle.full(result.shape, float("nan"))
        return to_tensor(result.form, result.block)

    def backward(self) -> None:
        """Go back from the gradients that maps have been given."""
        while self._steps:
            self._steps.pop()()

    def convolve(
        self, source: Union[Map, Joined], weight: Tensor, bias: Optional[Tensor], dilation: int
    ) -> Map:
        """3x3, to a map of as many channels as ``weight`` (O, I, 3, 3) has outputs."""
        parts: List[_Part] = []
        first = 0
        finite = bool(np.isfinite(float(weight.sum())))
        for one in source.maps if isinstance(source, Joined) else [source]:
            finite = finite and one.finite
            with_bias = bias is not None and not parts
            form = Convolution(one.form, weight.shape[0], dilation, with_bias, weight.shape[1])
            parts.append(_Part(form, first, one.block, one.gradient))
            first += one.form.channels
        wanted = self._wanted([part.gradient for part in parts], weight, bias)
        target = self._map(form.target, Block(form.target.bytes), wanted, finite)
        for part in parts:
            turn, forward = primitives.convolution(part.form, adds=part.first > 0)
            kernel = forward.block(dnnl.WEIGHTS)
            turn({dnnl.SRC: part.kernel(weight), dnnl.DST: kernel})
            memory = {dnnl.SRC: part.block, dnnl.WEIGHTS: kernel, dnnl.DST: target.block}
            forward({**memory, dnnl.BIAS: bias} if part.form.bias else memory)
        self._step(target, lambda given: self._convolve_back(parts, weight, bias, given))
        return target

    def _convolve_back(
        self, parts: List[_Part], weight: Tensor, bias: Optional[Tensor], given: Block
    ) -> None:
        if self._wanted([], weight, bias):
            kernel = paddle.empty_like(weight)
            for part in parts:
                backward, turn = primitives.convolution_weights(part.form)
                block = backward.block(dnnl.DIFF_WEIGHTS)
                memory = {dnnl.SRC: part.block, dnnl.DIFF_DST: given, dnnl.DIFF_WEIGHTS: block}
                if part.form.bias:
                    memory[dnnl.DIFF_BIAS] = paddle.empty_like(bias)
                backward(memory)
                turn({dnnl.SRC: block, dnnl.DST: part.kernel(kernel)})
                if part.form.bias:
                    self._learn(bias, memory[dnnl.DIFF_BIAS])
            self._learn(weight, kernel)
        for part in parts:
            if part.gradient is not None:
                turn, backward = primitives.convolution_data(part.form)
                block = backward.block(dnnl.WEIGHTS)
                turn({dnnl.SRC: part.kernel(weight), dnnl.DST: block})
                share = Block(part.form.source.bytes)
                backward({dnnl.WEIGHTS: block, dnnl.DIFF_DST: given, dnnl.DIFF_SRC: share})
                part.gradient.add(share)

    def normalise(self, source: Map, layer: nn.BatchNorm2D) -> Map:
        """BatchNorm and ReLU; ``source`` is at the tape's disposal, nobody else may read it."""
        before, wanted = source.gradient, self._wanted([source.gradient], layer.weight, layer.bias)
        block = Block(source.form.bytes) if wanted else source.block
        done = batchnorm.forward(layer, source.form, source.block, block, self.learns, wanted)
        target = self._map(source.form, block, wanted, source.finite and done.finite)

        def back(given: Block) -> None:
            share, scale, shift = batchnorm.backward(done, given)
            self._learn(layer.weight, paddle.to_tensor(scale))
            self._learn(layer.bias, paddle.to_tensor(shift))
            _add(share, before)

        self._step(target, back)
        return target

    def halve(self, source: Map) -> Map:
        """2x2 max pooling; an odd border row or column makes a window of its own."""
        form, before = source.form, source.gradient
        small = primitives.halved(form)
        target = self._map(small, Block(small.bytes), before is not None, source.finite)
        forward = primitives.pooling(form)
        workspace = {dnnl.WORKSPACE: forward.block(dnnl.WORKSPACE)}
        forward({dnnl.SRC: source.block, dnnl.DST: target.block, **workspace})

        def back(given: Block) -> None:
            share = Block(form.bytes)
            memory = {**workspace, dnnl.DIFF_DST: given, dnnl.DIFF_SRC: share}
            primitives.pooling_back(form)(memory)
            _add(share, before)

        self._step(target, back)
        return target

    def resize(self, source: Map, height: int, width: int) -> Map:
        """Bilinear."""
        form, before = source.form, source.gradient
        large = form._replace(height=height, width=width)
        target = self._map(large, Block(large.bytes), before is not None, source.finite)
        primitives.resampling(form, large)({dnnl.SRC: source.block, dnnl.DST: target.block})

        def back(given: Block) -> None:
            share = Block(form.bytes)
            memory = {dnnl.DIFF_DST: given, dnnl.DIFF_SRC: share}
            primitives.resampling_back(form, large)(memory)
            _add(share, before)

        self._step(target, back)
        return target

    def add(self, one: Map, other: Map) -> Map:
        """The sum of two maps of one shape."""
        wanted = [part.gradient for part in (one, other) if part.gradient is not None]
        finite = one.finite and other.finite
        target = self._map(one.form, Block(one.form.bytes), bool(wanted), finite)
        memory = {dnnl.SRC: one.block, dnnl.SRC_1: other.block, dnnl.DST: target.block}
        primitives.sum_of_two(one.form)(memory)

        def back(given: Block) -> None:
            for gradient in wanted:
                gradient.add(given, shared=len(wanted) > 1)

        self._step(target, back)
        return target

    def _map(self, form: Shape, block: Block, wanted: bool, finite: bool) -> Map:
        return Map(self, form, block, wanted and self.records, finite)

    def _wanted(self, before: Sequence[Optional[Gradient]], *learned: Optional[Tensor]) -> bool:
        """Whether anything gets a gradient from a result of these."""
        parameters = [one for one in learned if one is not None and not one.stop_gradient]
        return self.records and bool(parameters or any(one is not None for one in before))

    def _step(self, target: Map, back: Callable[[Block], None]) -> None:
        """``back`` gets the gradient of ``target``, whose values it does not keep."""
        behind = target.gradient
        if behind is None:
            return

        def step() -> None:
            given = behind.take()
            if given is not None:
                back(given)

        self._steps.append(step)

    def _learn(self, parameter: Tensor, gradient: Tensor) -> None:
        if not parameter.stop_gradient:
            before = self.gradients.get(id(parameter))
            self.gradients[id(parameter)] = gradient if before is None else before + gradient


def to_block(tensor: Tensor) -> Block:
    """The values of a tensor (N, C, H, W), in NHWC."""
    form = Shape(*tensor.shape)
    block = Block(form.bytes)
    primitives.from_nchw(form)({dnnl.SRC: tensor.contiguous(), dnnl.DST: block})
    return block


def to_tensor(form: Shape, block: Block) -> Tensor:
    """A tensor (N, C, H, W) of the values in a block."""
    tensor = paddle.empty(list(form))
    primitives.to_nchw(form)({dnnl.SRC: block, dnnl.DST: tensor})
    return tensor
