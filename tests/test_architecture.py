"""A room imports only from rooms below it: docs/architecture.md, held by reading the imports."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "paddleseg_u2net"

# From the ground up; a room may import the rooms of earlier lines only.
STOREYS = [
    {"architecture", "files", "progress", "runtime", "signals"},
    {"download", "archives", "processes", "yaml_text"},
    {"images", "registry", "metrics"},
    {"weights", "annotations"},
    {"datasets", "models", "losses", "inference", "render"},
    {"components", "scoring", "preparation", "inspection", "prediction", "quantization"},
    {"config"},
    {"engine"},
    {"commands"},
    {"__main__"},
]
STOREY = {room: number for number, storey in enumerate(STOREYS) for room in storey}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imported_rooms(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            modules = [node.module or ""]
            if node.module == "paddleseg_u2net":
                modules = [f"paddleseg_u2net.{alias.name}" for alias in node.names]
        else:
            continue
        for module in modules:
            parts = module.split(".")
            # The version is the package's own, of no room.
            if parts[0] == "paddleseg_u2net" and len(parts) > 1 and parts[1] != "__version__":
                yield parts[1]


def test_every_room_has_its_storey():
    assert {_room(path) for path in FILES} == set(STOREY)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_lead_down(path):
    room = _room(path)
    for other in _imported_rooms(path):
        assert other == room or STOREY[other] < STOREY[room], f"{room} imports {other}"


def _modules(path: Path):
    """What a file imports when it is imported itself: statements outside functions."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize(
    "room",
    [
        "files",
        "images",
        "metrics",
        "weights",
        "inference",
        "render",
        "architecture",
        "scoring",
        "archives",
        "annotations",
        "preparation",
        "inspection",
        "prediction",
        "quantization",
    ],
)
def test_these_rooms_do_without_paddle(room):
    for path in FILES:
        if _room(path) == room:
            assert not {"paddle", "paddleseg"} & set(_modules(path)), path


def test_only_config_reads_configuration_keys():
    for path in FILES:
        if _room(path) != "config":
            assert ".tree[" not in path.read_text(encoding="utf-8"), path


def test_only_one_room_reads_yaml():
    for path in FILES:
        if _room(path) != "yaml_text":
            text = path.read_text(encoding="utf-8")
            assert "yaml.load(" not in text and "safe_load(" not in text, path
