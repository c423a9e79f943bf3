"""Pages of the site that are made of the code."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pytest
import typer
from places import ROOT

from rl.cli import app
from rl.recipe import parts, rollout_parts


def test_a_search_from_the_disk_has_the_text_of_each_section_and_nothing_else_of_a_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    snippets = import_module("snippets")
    body = '<section id="a"><h1>Budgets<a class="headerlink" href="#a">#</a></h1>\n<p>1 &lt; <b>2</b></p></section>'
    assert snippets.text_of(body) == '<section id="a">Budgets 1 &lt; 2</section>'
    del sys.modules["snippets"]


@pytest.fixture
def generated(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(ROOT / "docs")
    yield import_module("generated")
    del sys.modules["generated"]


def test_the_page_of_commands_has_each_with_an_example_and_every_option_once(generated: ModuleType) -> None:
    page = generated.filled((ROOT / "docs/reference/commands.md").read_text())
    sections = dict(re.findall(r"^## lengthwise (.+?)\n(.+?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    top = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    below = {f"synth {name}": command for name, command in top.pop("synth").commands.items()}
    assert set(sections) == {*top, *below}
    for name, command in (top | below).items():
        assert f"```sh\nlengthwise {name}" in sections[name]
        for each in command.params:
            if each.param_type_name == "option" and each.name != "help":
                assert len(re.findall(rf"^\| `(?:.+, )?{each.opts[-1]}[ ,`]", sections[name], re.MULTILINE)) == 1


def test_the_page_of_recipes_has_every_key_with_what_it_is_and_nothing_of_how_it_is_checked(
    generated: ModuleType,
) -> None:
    page = generated.filled((ROOT / "docs/reference/recipe.md").read_text())
    for module in (parts, rollout_parts):
        for part in vars(module).values():
            if isinstance(part, type) and dataclasses.is_dataclass(part) and part.__module__ == module.__name__:
                _, _, section = page.partition(f"\n## {part.__name__}\n")
                keys = re.findall(r"^\| `(\w+)` \|", section.partition("\n## ")[0], re.MULTILINE)
                assert keys == [field.name for field in dataclasses.fields(part)]
    assert "| `filter_on` | `Literal['raw', 'shaped']` | `'raw'` | Which reward must vary: " in page
    assert re.findall(r"Validator|FieldInfo|ConfigDict|<lambda>|MISSING|_gather", page) == []
