"""Commands as a light installation has them: in a process that can import what the wheel's core brings, and no more.

    python tests/core_only.py COMMANDS [all]

runs each of a JSON list of commands, one after the other, and writes as a last line, for each, its exit code and what
packages are imported by then. With `all`, whatever is installed may be imported; with `import`, modules are imported in
the place of commands.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module, metadata
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from packaging.requirements import Requirement
from places import ROOT

HERE = Path(__file__)


def core() -> set[str]:
    """The distributions that the project's core brings, itself and what they need in turn."""
    from rl.installed import needs

    left, found = [need for need in map(Requirement, needs().packages) if _always(need)], set[str]()
    while left:
        need = left.pop()
        if (name := _plain(need.name)) not in found:
            found.add(name)
            theirs = map(Requirement, metadata.requires(need.name) or [])
            left += [each for each in theirs if _always(each, need.extras)]
    return found


def _always(need: Requirement, extras: Sequence[str] | set[str] = ()) -> bool:
    return need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *extras))


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


class Core(PathFinder):
    """Finds no module of another distribution."""

    left_out: frozenset[str] = frozenset()

    @classmethod
    def find_spec(cls, fullname: str, path: Any = None, target: Any = None) -> Any:
        return None if fullname.partition(".")[0] in cls.left_out else super().find_spec(fullname, path, target)


def leave_out_the_rest() -> frozenset[str]:
    """From now on nothing but the core can be imported. Gives the modules that cannot."""
    kept = core() | {"lengthwise"}
    providers = metadata.packages_distributions()
    Core.left_out = frozenset(m for m, of in providers.items() if not kept & set(map(_plain, of)))
    sys.meta_path[:] = [Core if finder is PathFinder else finder for finder in sys.meta_path]
    return Core.left_out


@dataclass(frozen=True)
class Done:
    """What became of a command."""

    code: int
    modules: frozenset[str]
    """The packages that are imported now, by their top-level names; none of Python's own."""


def ran(*commands: Sequence[str], cwd: Path, everything: bool = False) -> tuple[list[Done], str]:
    """What became of each command, all in one process, and all that they printed."""
    call = [sys.executable, str(HERE), json.dumps(commands), *(["all"] if everything else [])]
    done = subprocess.run(call, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *printed, told = done.stdout.splitlines()
    return [Done(code, frozenset(modules)) for code, modules in json.loads(told)], "\n".join([*printed, done.stderr])


def imported(modules: Sequence[str], hosts: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """The packages that are imported once `modules` are, where `hosts` are modules with some empty classes in them."""
    call = [sys.executable, str(HERE), json.dumps([modules, hosts]), "import"]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return frozenset(json.loads(done.stdout))


def packages() -> list[str]:
    """What is imported now, by top-level names; nothing of Python's own."""
    return sorted({name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names)


def import_all(modules: Sequence[str], hosts: Mapping[str, Sequence[str]]) -> None:
    for host, classes in hosts.items():
        sys.modules[host] = ModuleType(host)
        vars(sys.modules[host]).update({name: type(name, (), {}) for name in classes})
    for name in modules:
        import_module(name)
    print(json.dumps(packages()))


def main() -> None:
    if "all" not in sys.argv[2:]:
        leave_out_the_rest()
    asked = json.loads(sys.argv[1])
    if "import" in sys.argv[2:]:
        import_all(*asked)
    else:
        run_all(asked)


def run_all(commands: Sequence[Sequence[str]]) -> None:
    from rl.cli import run_command

    told: list[tuple[Any, list[str]]] = []
    for command in commands:
        try:
            run_command(command)
        except SystemExit as stop:
            told.append((stop.code, packages()))
    sys.stdout.flush()
    print("\n" + json.dumps(told))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
