"""Which arguments a component takes, also where it is a function of ``**kwargs`` around a class."""

from __future__ import annotations

import inspect
from typing import Any, Mapping, Set

Parameters = Mapping[str, inspect.Parameter]


def parameters_of(component: Any) -> Parameters:
    """The arguments of a component, a class or a function.

    PaddleSeg's backbones are ``def ResNet50_vd(**args): return ResNet_vd(layers=50, **args)``, or a
    class that does the same to its base: theirs are those of the class inside, but for what is set
    there already. ``**kwargs`` stays among them where they go on to somewhere else.
    """
    taken = inspect.signature(component).parameters
    own = {key: item for key, item in taken.items() if item.kind is not item.VAR_POSITIONAL}
    if all(item.kind is not item.VAR_KEYWORD for item in own.values()):
        return own
    inner, fixed = _inner(component)
    if inner is None:
        return own
    outer = {name: item for name, item in own.items() if item.kind is not item.VAR_KEYWORD}
    rest = {name: item for name, item in parameters_of(inner).items() if name not in fixed}
    return {**outer, **rest}


def takes_anything(parameters: Parameters) -> bool:
    """Whether there is a ``**kwargs`` among them."""
    return any(item.kind is item.VAR_KEYWORD for item in parameters.values())


def _inner(component: Any) -> Any:
    """The class of its own module that gets a component's ``**kwargs``, and which of that one's
    arguments the component sets itself.
    """
    module = component.__module__
    if inspect.isclass(component):
        base, code = component.__bases__[0], component.__init__.__code__
        ours = "__class__" in code.co_freevars and base.__module__ == module
        # With arguments of its own, it does more than to hand them on: the texts are of that.
        hands_on = set(inspect.signature(component).parameters) == {"kwargs"}
        return (base if ours else None), _texts(code.co_consts) if hands_on else set()
    code, scope = component.__code__, component.__globals__
    named = [scope.get(name) for name in code.co_names]
    inner = [item for item in named if inspect.isclass(item) and item.__module__ == module]
    return (inner[0] if inner else None), _texts(code.co_consts)


def _texts(constants: Any) -> Set[str]:
    """All texts among a function's constants: the names of arguments that it gives, and others."""
    found: Set[str] = set()
    for item in constants:
        found |= _texts(item) if isinstance(item, tuple) else {item} & {str(item)}
    return found
