"""What the trainer's configuration declares, read from its source: TRL takes seconds to import, a mistake need not."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

CLASSES = (
    ("transformers", "training_args.py", "TrainingArguments"),
    ("trl", "trainer/base_config.py", "_BaseConfig"),
    ("trl", "trainer/grpo_config.py", "GRPOConfig"),
    ("rl", "recipe/config.py", "LengthGRPOConfig"),
)
"""`LengthGRPOConfig` and what it inherits from: package, file and class, those that others build on first."""
_NAMES: Mapping[str, Any] = {
    **{kind.__name__: kind for kind in (bool, int, float, str, list, dict)},
    "Any": Any,
    "Literal": Literal,
}


def declared_types() -> dict[str, Any]:
    """The type of each field by its name; `object` where that is a library's own.

    Errors: ModuleNotFoundError where TRL is not installed.
    """
    found: dict[str, Any] = {}
    for package, file, name in CLASSES:
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        tree = ast.parse((Path(spec.origin).parent / file).read_text(encoding="utf-8"))
        (made,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
        fields = (node for node in made.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name))
        found |= {ast.unparse(field.target): _type(field.annotation) for field in fields}
    return found


def _type(annotation: ast.expr) -> Any:
    try:
        return _read(annotation)
    except KeyError:
        return object


def _read(node: ast.expr) -> Any:
    """What an annotation says. Errors: KeyError where it names what is not among `_NAMES`."""
    match node:
        case ast.Name(name):
            return _NAMES[name]
        case ast.Constant(value):
            return value
        case ast.BinOp(left, ast.BitOr(), right):
            return _read(left) | _read(right)
        case ast.Subscript(kind, ast.Tuple(parts)):
            return _read(kind)[tuple(map(_read, parts))]
        case ast.Subscript(kind, part):
            return _read(kind)[_read(part)]
        case _:
            raise KeyError(ast.unparse(node))
