"""The one place that touches PaddleSeg's component managers."""

from __future__ import annotations

import sys
from typing import Any, Dict, Sequence

OWNERS = ("paddleseg_u2net",)
Components = Dict[str, Dict[str, Any]]  # by the manager's name, then by their own


def register(manager: Any, component: Any, name: str = "", replaces: Sequence[str] = ()) -> None:
    """Put ``component`` into a PaddleSeg manager under ``name`` (its own name, if empty).

    Registering again after a re-import is silent. PaddleSeg's manager would let a second component
    of a name replace the first with a warning only; here that is an error, unless the component in
    the way belongs to a module that ``replaces`` names.

    Raises:
        ValueError: a stranger holds the name.
    """
    name = name or component.__name__
    held = manager.components_dict.get(name)
    if held is not None and not _is_of(held.__module__, (*OWNERS, *replaces)):
        raise ValueError(
            f"{name}: expected a free name in PaddleSeg's {manager.name}, but {held.__module__} "
            "has registered one; import it after paddleseg_u2net.components, or rename it"
        )
    manager.components_dict[name] = component


def components() -> Components:
    """Return what is registered in each of PaddleSeg's managers, if PaddleSeg is loaded."""
    return {kind: dict(manager.components_dict) for kind, manager in _managers().items()}


def reset(to: Components) -> None:
    """Return PaddleSeg's managers to an earlier state, as ``components`` returned it."""
    for kind, manager in _managers().items():
        if kind in to:
            manager.components_dict.clear()
            manager.components_dict.update(to[kind])


def custom(manager: Any) -> Dict[str, Any]:
    """Return a manager's components that are neither PaddleSeg's nor this project's, by name."""
    return {
        name: component
        for name, component in manager.components_dict.items()
        if not _is_of(component.__module__, (*OWNERS, "paddleseg"))
    }


def _managers() -> Dict[str, Any]:
    module = sys.modules.get("paddleseg.cvlibs.manager")
    if module is None:
        return {}
    kind = module.ComponentManager
    return {item.name: item for item in vars(module).values() if isinstance(item, kind)}


def _is_of(module: str, packages: Sequence[str]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)
