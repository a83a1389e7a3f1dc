"""The one place that touches PaddleSeg's component managers; tables of other components."""

from __future__ import annotations

import sys
from typing import Any, Dict, Sequence

OWNERS = ("paddleseg_u2net",)
Components = Dict[str, Dict[str, Any]]  # by the manager's or table's name, then by their own

_tables: Components = {}


def table(kind: str) -> Dict[str, Any]:
    """Return the table of a kind of components that PaddleSeg has no manager for."""
    return _tables.setdefault(kind, {})


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
    """Return what is registered in the tables and, if PaddleSeg is loaded, in its managers."""
    return {kind: dict(registered) for kind, registered in _registered().items()}


def reset(to: Components) -> None:
    """Return managers and tables to an earlier state, as ``components`` returned it."""
    for kind, registered in _registered().items():
        if kind in to:
            registered.clear()
            registered.update(to[kind])


def custom(manager: Any) -> Dict[str, Any]:
    """Return a manager's components that are neither PaddleSeg's nor this project's, by name."""
    return {
        name: component
        for name, component in manager.components_dict.items()
        if not _is_of(component.__module__, (*OWNERS, "paddleseg"))
    }


def _registered() -> Components:
    module = sys.modules.get("paddleseg.cvlibs.manager")
    if module is None:
        return _tables
    kind = module.ComponentManager
    managers = (item for item in vars(module).values() if isinstance(item, kind))
    return {**_tables, **{manager.name: manager.components_dict for manager in managers}}


def _is_of(module: str, packages: Sequence[str]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)
