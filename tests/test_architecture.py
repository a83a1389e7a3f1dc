"""A room imports only from rooms below it: docs/architecture.md, held by reading the imports."""

import ast
import dataclasses
import re
from collections import Counter
from pathlib import Path
from typing import Dict, Iterator, List, Set

import pytest

from paddleseg_u2net.config import settings

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "paddleseg_u2net"
NAME = PACKAGE.name

# From the ground up; a room may import the rooms of earlier lines only.
FLOORS = [
    {"_version", "architecture", "log", "registry", "signals", "text"},
    {"env"},
    {"device", "plugins", "progress"},
    {"parallel"},
    {"io"},
    {"metrics", "onednn", "weights"},
    {"datasets", "inference", "losses", "models", "render"},
    {"components", "removal"},
    {"config", "video"},
    {"predictor"},
    {"prediction"},
    {"data_tools", "evaluation", "export", "service", "training"},
    {"commands"},
    {"__main__"},
]
FLOOR = {room: number for number, floor in enumerate(FLOORS) for room in floor}
WITHOUT_PADDLE = [
    "architecture",
    "data_tools",
    "evaluation",
    "inference",
    "io",
    "metrics",
    "prediction",
    "removal",
    "render",
    "service",
    "video",
    "weights",
]
# The front door: what is seen from outside, loaded when it is asked for.
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
WIDEST = 14
# Rooms that are given a configuration.
CONFIGURED = {"commands", "export", "prediction", "predictor", "training"}
# Words that are keys of configurations and of something else, by who reads that.
KEYS_OF_OTHER_FILES = {
    ("prediction.cluster.remote", "size"),
    ("prediction.cluster.remote", "type"),
    ("predictor.load", "type"),
    ("training.validation", "images"),
}


def _module(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_module(path): path for path in FILES}


def _room(module: str) -> str:
    return module.split(".")[1]


def _base(node: ast.ImportFrom, path: Path) -> str:
    """The module of a ``from`` statement, with a relative one's dots followed."""
    if not node.level:
        return node.module or ""
    package = _module(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    package = package[: len(package) - (node.level - 1)]
    return ".".join([*package, *([node.module] if node.module else [])])


def imported(path: Path, text: str = "") -> Set[str]:
    """Modules of this package that a file imports, anywhere in it; `NAME` itself for its face."""
    found = set()
    for node in ast.walk(ast.parse(text or path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, path)
            for alias in node.names:
                module = f"{base}.{alias.name}"
                found.add(module if module in MODULES else base)
    return {module for module in found if module.split(".")[0] == NAME}


IMPORTS: Dict[str, Set[str]] = {module: imported(path) for module, path in MODULES.items()}


def test_every_room_has_its_floor():
    assert {_room(module) for module in MODULES} == set(FLOOR)


@pytest.mark.parametrize("module", MODULES)
def test_imports_lead_down(module):
    for other in IMPORTS[module]:
        assert other != NAME, f"{module} imports the package's face"
        if _room(other) != _room(module):
            assert FLOOR[_room(other)] < FLOOR[_room(module)], f"{module} imports {other}"


def _circles(graph: Dict[str, Set[str]]) -> Iterator[List[str]]:
    """Take away what imports nothing that is left, until nothing or a circle is left."""
    left = {
        module: {other for other in others if other in graph} for module, others in graph.items()
    }
    while leaves := [module for module, others in left.items() if not others & left.keys()]:
        for module in leaves:
            del left[module]
    if left:
        yield sorted(left)


def test_no_circle_inside_rooms_either():
    assert list(_circles(IMPORTS)) == []


def test_relative_imports_and_circles_are_seen():
    path = PACKAGE / "metrics" / "fixation" / "auc.py"
    text = "from ..report import MetricReport\nfrom . import density\nfrom ... import io"
    assert imported(path, text) == {
        f"{NAME}.metrics.report",
        f"{NAME}.metrics.fixation.density",
        f"{NAME}.io",
    }
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}
    assert list(_circles(graph)) == [["a", "b", "c"]]


def test_no_room_is_too_wide():
    widths = Counter(path.parent for path in FILES if path.name != "__init__.py")
    assert {path.name: n for path, n in widths.items() if n > WIDEST} == {}


def _loaded_at_import(path: Path) -> Iterator[str]:
    """What a file imports when it is imported itself: statements outside functions."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize("room", WITHOUT_PADDLE)
def test_these_rooms_do_without_paddle(room):
    for module, path in MODULES.items():
        if _room(module) == room:
            assert not {"paddle", "paddleseg"} & set(_loaded_at_import(path)), path


def _keys_read(text: str) -> Iterator[str]:
    """Constant keys that are looked up in something, whatever its name is."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            key = node.slice
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("get", "pop"):
            key = node.args[0] if node.args else None
        else:
            continue
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value


def test_only_config_reads_configuration_keys():
    sections = filter(dataclasses.is_dataclass, vars(settings).values())
    keys = {field.name for section in sections for field in dataclasses.fields(section)}
    keys |= {"model", "trainer", "optimizer", "train_dataset", "val_dataset", "lr_scheduler"}
    assert {"freeze", "num_classes", "dataset_root"} < keys
    found = {
        (module.partition(".")[2], key)
        for module, path in MODULES.items()
        if _room(module) in CONFIGURED
        for key in _keys_read(path.read_text(encoding="utf-8"))
        if key in keys
    }
    assert found <= KEYS_OF_OTHER_FILES


def test_lookups_are_seen_under_any_name():
    text = "a = run['freeze']; b = c().get('model', {}); d['iters'] = 1; e[f]"
    assert list(_keys_read(text)) == ["freeze", "model"]


def test_only_one_file_reads_yaml():
    for path in FILES:
        if path != PACKAGE / "io" / "yaml_text.py":
            text = path.read_text(encoding="utf-8")
            assert "yaml.load(" not in text and "safe_load(" not in text, path


def test_names_of_tests_are_short():
    for path in (ROOT / "tests").rglob("test_*.py"):
        for name in re.findall(r"^\s*def (test_\w+)", path.read_text(encoding="utf-8"), re.M):
            assert len(name) < 60, f"{path}: {name}"
