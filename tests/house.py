"""Who imports whom, read from the source: imports inside functions, for types alone and by literal name all count."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGES = ("rl", "rewards", "curricula", "data_synth", "experiments")
LIBRARIES = {"TRL": "trl", "vLLM": "vllm"}

Graph = Mapping[str, set[str]]
"""What each module imports: a module of ours by its whole name, of other libraries the name that the source gives."""

_ROW = re.compile(r"^\| (\d+) \| `([^`]+)` \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Room:
    """A folder or file of rl/ as its README.md has it."""

    floor: int
    knows: frozenset[str]
    """Libraries that it may import and other rooms may not, by their import names."""


def rooms(page: str) -> dict[str, Room]:
    """The table of rooms in a page, by name: `trainer/`, `errors.py`."""
    return {
        name: Room(int(floor), frozenset(LIBRARIES[word] for word in re.findall(r"\w+", knows)))
        for floor, name, knows in _ROW.findall(page)
    }


def files(root: Path) -> dict[str, Path]:
    """Our modules below `root` by their dotted names."""
    paths = [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]
    return {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def imports(root: Path) -> Graph:
    known = files(root)

    def ours(name: str) -> str:
        """The module that a dotted name is of; a name of another library stays as it is."""
        parts = name.split(".")
        prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        return next((prefix for prefix in prefixes if prefix in known), name)

    return {
        module: {ours(name) for name in _names(ast.parse(path.read_text()), _package(module, path))}
        for module, path in known.items()
    }


def _package(module: str, path: Path) -> list[str]:
    parts = module.split(".")
    return parts if path.name == "__init__.py" else parts[:-1]


def _names(tree: ast.AST, package: list[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute("." * node.level + (node.module or ""), package)
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            match node.args:
                case [ast.Constant(value=str(name)), *_]:
                    yield _absolute(name, package)


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _absolute(name: str, package: list[str]) -> str:
    rest = name.lstrip(".")
    level = len(name) - len(rest)
    above = package[: len(package) - level + 1] if level else []
    return ".".join([*above, *filter(None, [rest])])


def circle(graph: Graph) -> list[str]:
    """The modules of a circle, each importing the next, the first again at the end; none where there is no circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def room_of(root: Path, path: Path) -> str:
    """The room that a file of rl/ is in: `trainer/`, or by itself on the ground floor `errors.py`."""
    first, *below = path.relative_to(root / "rl").parts
    return f"{first}/" if below else first


def upward(root: Path, graph: Graph, table: Mapping[str, Room]) -> list[str]:
    """Imports from one room of rl/ into another that is not on a lower floor, one line each."""
    room = {module: room_of(root, path) for module, path in files(root).items() if module.split(".")[0] == "rl"}
    arrows = [(a, b) for a in room for b in sorted(graph[a] & room.keys()) if room[a] != room[b]]
    return [
        f"{a} imports {b}, but {room[b]} (floor {table[room[b]].floor}) is not below {room[a]} ({table[room[a]].floor})"
        for a, b in arrows
        if table[room[b]].floor >= table[room[a]].floor
    ]


def strangers(root: Path, graph: Graph, table: Mapping[str, Room]) -> list[str]:
    """Imports of a library by a room of rl/ that does not know it, one line each."""
    return [
        f"{module} imports {name}, which {room_of(root, path)} does not know"
        for module, path in files(root).items()
        if module.split(".")[0] == "rl"
        for name in sorted(graph[module])
        if name.split(".")[0] in set(LIBRARIES.values()) - table[room_of(root, path)].knows
    ]


def forbidden(graph: Graph, arrows: Mapping[str, set[str]]) -> list[str]:
    """Imports by a package of what stands in its line of `arrows`, one line each."""
    return [
        f"{module} imports {name}"
        for module, names in graph.items()
        for name in sorted(names)
        if name.split(".")[0] in arrows[module.split(".")[0]]
    ]
