"""Who imports whom, read from the source: imports inside functions, for types alone and by literal name all count.

But for `at_once`, where they do not: what a module waits for when it is imported itself.
"""

from __future__ import annotations

import ast
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGES = ("lengthwise", "rl", "rewards", "curricula", "data_synth", "experiments")
LIBRARIES = {"TRL": "trl", "vLLM": "vllm"}
HEAVY = {"torch", "trl", "transformers", "accelerate", "peft", "datasets", "vllm"}
"""What takes seconds to import, and is there only where somebody trains."""

Graph = Mapping[str, set[str]]
"""What each module imports: a module of ours by its whole name, of other libraries the name that the source gives."""

_ROW = re.compile(r"^\| (\d+) \| `([^`]+)` \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Room:
    """A folder or file of rl/ as its README.md has it."""

    floor: int
    knows: frozenset[str]
    """Libraries that it may import and other rooms may not, by their import names."""
    torch: bool
    """Whether its modules may need torch, or what stands on it, as soon as they are imported."""


def rooms(page: str) -> dict[str, Room]:
    """The table of rooms in a page, by name: `trainer/`, `errors.py`."""
    return {
        name: Room(
            int(floor),
            frozenset(LIBRARIES[word] for word in re.findall(r"\w+", knows) if word != "torch"),
            torch=bool(knows.strip("– ")),
        )
        for floor, name, knows in _ROW.findall(page)
    }


def files(root: Path) -> dict[str, Path]:
    """Our modules below `root` by their dotted names."""
    paths = [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]
    return {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def imports(root: Path) -> Graph:
    return _graph(root, ast.walk)


def at_once(root: Path) -> Graph:
    """What is imported with each module: not what its functions import, nor what is for types alone."""
    graph = _graph(root, _of_the_module)
    packages = {module: {p for p in graph if module.startswith(f"{p}.")} for module in graph}
    return {
        module: {*names, *packages[module], *(p for name in names & graph.keys() for p in packages[name])}
        for module, names in graph.items()
    }


def _of_the_module(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        types_alone = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        if not types_alone and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from _of_the_module(node)


def _graph(root: Path, nodes: Callable[[ast.AST], Iterable[ast.AST]]) -> Graph:
    known = files(root)

    def ours(name: str) -> str:
        """The module that a dotted name is of; a name of another library stays as it is."""
        parts = name.split(".")
        prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        return next((prefix for prefix in prefixes if prefix in known), name)

    return {
        module: {ours(name) for name in _names(nodes(ast.parse(path.read_text())), _package(module, path))}
        for module, path in known.items()
    }


def _package(module: str, path: Path) -> list[str]:
    parts = module.split(".")
    return parts if path.name == "__init__.py" else parts[:-1]


def _names(nodes: Iterable[ast.AST], package: list[str]) -> Iterator[str]:
    for node in nodes:
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


def heavy(root: Path, graph: Graph, table: Mapping[str, Room]) -> list[str]:
    """Modules of rooms that do not know torch by which it is imported nevertheless, the way there a line each.

    `graph`: as of `at_once`.
    """
    of_rl = {module: path for module, path in files(root).items() if module.split(".")[0] == "rl"}
    light = [module for module, path in of_rl.items() if not table[room_of(root, path)].torch]
    return [" -> ".join(way) for module in light if (way := _way(graph, module))]


def _way(graph: Graph, module: str) -> list[str]:
    """The shortest way from a module to a heavy library."""
    before, left = {module: ""}, deque([module])
    while left:
        here = left.popleft()
        if here.split(".")[0] in HEAVY:
            way = [here]
            while before[way[0]]:
                way.insert(0, before[way[0]])
            return way
        for name in sorted(graph.get(here, ())):
            if name not in before:
                before[name] = here
                left.append(name)
    return []


def forbidden(graph: Graph, arrows: Mapping[str, set[str]]) -> list[str]:
    """Imports by a package of what stands in its line of `arrows`, one line each."""
    return [
        f"{module} imports {name}"
        for module, names in graph.items()
        for name in sorted(names)
        if name.split(".")[0] in arrows[module.split(".")[0]]
    ]
