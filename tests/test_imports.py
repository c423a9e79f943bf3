"""The arrows between packages point one way."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("rewards", ("torch", "rl", "trl", "transformers", "curricula", "data_synth")),
        ("curricula", ("torch", "rl", "trl", "transformers", "rewards", "data_synth")),
        ("data_synth.check", ("torch", "rl", "trl", "transformers", "curricula", "matplotlib", "rich")),
        ("data_synth", ("torch", "rl", "trl", "transformers", "curricula")),
    ],
)
def test_a_pure_package_imports_nothing_it_should_not(package: str, forbidden: tuple[str, ...]) -> None:
    code = (
        "import importlib, pkgutil, sys\n"
        f"module = importlib.import_module({package!r})\n"
        "for info in pkgutil.walk_packages(getattr(module, '__path__', []), module.__name__ + '.'):\n"
        "    importlib.import_module(info.name)\n"
        f"print([name for name in {forbidden!r} if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_checker_shares_no_code_with_what_it_checks() -> None:
    code = (
        "import importlib, pkgutil, sys, data_synth.check as check\n"
        "for info in pkgutil.walk_packages(check.__path__, 'data_synth.check.'):\n"
        "    importlib.import_module(info.name)\n"
        "ours = [name for name in sys.modules if name.startswith('data_synth.')]\n"
        "print([name for name in ours if name.split('.')[1] != 'check'])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_foreign_package_of_our_name_is_named(tmp_path: Path) -> None:
    (tmp_path / "rewards").mkdir()
    (tmp_path / "rewards" / "__init__.py").write_text("")
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import rl"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert f"shadowed by {tmp_path}/rewards" in result.stderr.splitlines()[-1]
