"""What the documentation has a reader try first, on the hardware that it names, is answered with yes and with hours."""

import shlex
from pathlib import Path

import pytest
from places import ROOT
from test_docs import PAGES, blocks, commands

from experiments.plans import ONE_HOUR
from rl.estimates import read_rates
from rl.launch.configuration import read_launch
from rl.recipe.files import shipped_recipes
from rl.run.dry_run import dry_run

DAY = 24
"""Hours that a first command takes at most."""
LINES = 20
"""That a dry run says of it."""

Command = tuple[str, str, str]
"""A shipped recipe, its launch, its rates."""


def first_commands() -> dict[Command, str]:
    """Those of all pages that train a shipped recipe on GPUs, with the page."""
    found: dict[Command, str] = {}
    for page in PAGES:
        for _, text in blocks(page):
            typed = [line for line in text.splitlines() if line.startswith(("lengthwise train ", "accelerate launch "))]
            for words in commands("\n".join(typed)):
                if (command := _first(words)) is not None:
                    found.setdefault(command, page)
    return found


def _first(words: list[str]) -> Command | None:
    """A dry run with its launch; a launch on eight H100s, which the files are for; a recipe for one GPU on its card."""
    if words[:2] == ["lengthwise", "train"]:
        recipe, launch, card = words[2], _option(words, "--launch"), ONE_HOUR.get(words[2])
        rates = _option(words, "--rates") or (f"{{card: {card}}}" if card else None)
    elif words[:2] == ["accelerate", "launch"] and "rl.train" in words:
        recipe, launch = words[words.index("rl.train") + 1], _option(words, "--config_file")
        rates = "experiments/cluster/h100.yaml"
    else:
        return None
    named = recipe in shipped_recipes() and not recipe.startswith("demo")
    return (recipe, launch or "1", rates) if named and rates else None


def _option(words: list[str], name: str) -> str | None:
    return words[words.index(name) + 1] if name in words else None


def test_the_documentation_has_first_commands_for_one_gpu_and_for_eight() -> None:
    ranks = {read_launch(launch).ranks for _, launch, _ in first_commands()}
    assert ranks == {1, 8}


@pytest.mark.parametrize("command", first_commands(), ids=lambda command: shlex.join(command[:2]))
def test_a_first_command_is_answered_with_yes_and_believable_hours(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    recipe, launch, rates = command
    found = dry_run(recipe, launch=read_launch(launch), rates=read_rates(rates))
    said = found.text.splitlines()
    assert said[0].startswith("fits       yes: a rank needs")
    assert said[1].startswith("time ")
    assert "not measured" in said[2]
    assert len(said) <= LINES
    (estimate,) = found.estimates.values()
    assert estimate.hours is not None
    assert 0.1 < estimate.hours[0] <= DAY
    assert estimate.hours[1] <= 2 * estimate.hours[0]


def test_rates_of_a_device_that_is_not_here_plan_for_that_with_vllm(tmp_path: Path) -> None:
    found = dry_run("one-gpu-80gb", out=tmp_path / "run", rates=read_rates("{card: H100}"))
    assert found.text.startswith("fits       yes")
    assert "engine     vllm" in found.text
