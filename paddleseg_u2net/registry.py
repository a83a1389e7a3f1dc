"""The one place that touches PaddleSeg's component managers."""

from __future__ import annotations

from typing import Any, Sequence

OWNERS = ("paddleseg_u2net",)


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


def _is_of(module: str, packages: Sequence[str]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)
