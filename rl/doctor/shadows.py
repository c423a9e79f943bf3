"""Folders and files that Python would take for a package of ours, of a library's, or of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from rl.doctor.finding import Finding, fail, or_ok
from rl.doctor.versions import OURS
from rl.installed import HOME

THEIRS = (
    *("torch", "transformers", "trl", "accelerate", "peft", "datasets", "tokenizers", "safetensors", "numpy"),
    *("pyarrow", "yaml", "rich", "typer", "pydantic", "httpx2", "math_verify", "huggingface_hub", "vllm", "deepspeed"),
)


def check_shadows(folder: Path, path: Sequence[str], home: Path) -> list[Finding]:
    """What stands before the real packages, with `folder` in front of `path` as `python -m` has it.

    `home` is where our own packages are.
    """
    searched = [str(folder), *(each for each in path if each)]
    found: dict[Path, str] = {}
    for name in OURS:
        place = _place(PathFinder.find_spec(name, searched))
        if place is not None and place.parent != home:
            found[place] = f"lengthwise's {name!r}"
    sites = [each for each in path if Path(each).name in ("site-packages", "dist-packages")]
    for name in THEIRS:
        real, place = (_place(PathFinder.find_spec(name, where)) for where in (sites, searched))
        if real is not None and place is not None and place != real:
            found[place] = f"the library {name!r}"
    for place in _named_like_standard_modules(folder):
        found[place] = f"Python's own module {place.stem!r}"
    findings = (
        fail(
            f"{place} hides {hidden} from whatever is started with `python -m`, torchrun or accelerate launch"
            + ("" if place.parent == folder else ", and from all else"),
            "rename it, or start from another folder" if place.parent == folder else "rename it, or mend PYTHONPATH",
        )
        for place, hidden in found.items()
    )
    return or_ok(findings, f"nothing in {folder} or on Python's path hides a package")


def _place(spec: ModuleSpec | None) -> Path | None:
    """The folder of a package, or the file of a module; None for a folder without code, which hides nothing."""
    if spec is None or spec.origin is None:
        return None
    origin = Path(spec.origin).resolve()
    return origin.parent if origin.name == "__init__.py" else origin


def _named_like_standard_modules(folder: Path) -> Iterable[Path]:
    try:
        files = sorted(folder.glob("*.py"))
    except OSError:
        return
    yield from (path.resolve() for path in files if path.stem in sys.stdlib_module_names)


def examine() -> list[Finding]:
    return check_shadows(Path.cwd(), sys.path, HOME)
