"""A layer's forward pass on a `Tape`, as one differentiable operation of Paddle's."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Dict, List, Optional, Sequence, Union

import paddle
from paddle import Tensor, nn

from paddleseg_u2net.onednn import library as dnnl
from paddleseg_u2net.onednn.tape import Map, Tape, to_block, to_tensor

Function = Callable[[Map], Union[Map, List[Map]]]


class _Job:
    """A function's way forward, and back as often as one likes."""

    def __init__(self, function: Function, images: Tensor, records: bool) -> None:
        self._function, self._images, self._records = function, images, records
        self._tape: Optional[Tape] = None
        self._given: Dict[int, Tensor] = {}
        self._images_gradient: Optional[Tensor] = None

    def forward(self) -> List[Tensor]:
        """The function's results, of which no gradient leads back."""
        self._tape = tape = Tape(self._records)
        with paddle.no_grad():
            return [tape.leave(result) for result in self._results(tape)]

    def _results(self, tape: Tape) -> List[Map]:
        entered = tape.enter(self._images)
        results = self._function(entered)
        self.gives_one = isinstance(results, Map)
        results = [results] if isinstance(results, Map) else results
        self._before, self._behind = entered.gradient, [result.gradient for result in results]
        return results

    def give(self, index: int, gradient: Tensor) -> None:
        """Take the gradient of a result."""
        self._given[index] = gradient

    def gradient(self, tensor: Tensor) -> Optional[Tensor]:
        """That of the images or of a parameter, after all that are to come have been given."""
        if self._given:
            with paddle.no_grad():
                self._backward()
        if tensor is self._images:
            return self._images_gradient
        return self._gradients.get(id(tensor))

    def _backward(self) -> None:
        tape, self._tape = self._tape, None
        if tape is None:  # a retained graph: what the first way back freed is computed anew
            tape = Tape(records=True, learns=False)
            self._results(tape)
        given, self._given = self._given, {}
        for index, tensor in given.items():
            behind = self._behind[index]
            if behind is not None:
                behind.add(to_block(tensor))
        tape.backward()
        self._gradients = tape.gradients
        share = None if self._before is None else self._before.take()
        if self._before is not None and share is not None:
            self._images_gradient = to_tensor(self._before.shape, share)


def _linked(results: List[Tensor], job: _Job, inputs: Sequence[Tensor]) -> List[Tensor]:
    """The results, from which gradients lead back to the inputs, through ``job``.

    A `paddle.autograd.PyLayer` would be the way to say it, but in Paddle 2.6 and 3.3 it crashes the
    process where a retained graph is gone back a second time. So zero times all inputs is added,
    and hooks put the true gradients in the place of zeros.
    """
    links, no = [], paddle.zeros([])
    no.stop_gradient = False  # so that zeros have a graph where gradients of gradients are wanted
    for tensor in inputs:
        link = paddle.assign(tensor)  # `paddle.grad` passes by hooks of a `reshape`
        link.register_hook(partial(_instead, job, tensor))
        links.append(link.sum())
    nothing = paddle.add_n(links) * no
    linked = [result + nothing for result in results]
    for index, result in enumerate(linked):
        result.register_hook(partial(job.give, index))
    return linked


def _instead(job: _Job, tensor: Tensor, zero: Tensor) -> Tensor:
    if not zero.is_leaf:
        raise RuntimeError(f"no gradients of gradients with oneDNN; {dnnl.SWITCH}=0 has them")
    gradient = job.gradient(tensor)
    return zero if gradient is None else gradient


def run(layer: nn.Layer, function: Function, images: Tensor) -> Any:
    """What ``function`` makes of ``images`` (N, C, H, W), as a tensor or several; the parameters
    that it uses are among ``layer``'s.
    """
    images = images.contiguous()
    inputs = [one for one in (images, *layer.parameters()) if not one.stop_gradient]
    records = paddle.is_grad_enabled() and bool(inputs)
    job = _Job(function, images, records)
    results = job.forward()
    if records:
        results = _linked(results, job, inputs)
    return results[0] if job.gives_one else results


def suits(layer: nn.Layer, images: Any, without: Sequence[str] = ()) -> bool:
    """Whether ``layer`` can `run` on these images: oneDNN is there, all is float32 on the CPU, and
    nobody looks at a layer inside or has replaced one. ``without``: children that stay outside.
    """
    if not paddle.in_dynamic_mode() or not isinstance(images, Tensor) or dnnl.library() is None:
        return False
    if images.dtype != paddle.float32 or not images.place.is_cpu_place() or 0 in images.shape:
        return False
    children = [child for name, child in layer.named_children() if name not in without]
    inner = [one for child in children for one in child.sublayers(include_self=True)]
    tensors = [*layer.parameters(), *layer.buffers()]
    return all(map(_is_known, inner)) and all(one.dtype == images.dtype for one in tensors)


def _is_known(layer: nn.Layer) -> bool:
    if layer._forward_pre_hooks or layer._forward_post_hooks:
        return False
    # Of its very class: a class made from it may do something else.
    return type(layer) is nn.BatchNorm2D or "runs_on_maps" in vars(type(layer))
