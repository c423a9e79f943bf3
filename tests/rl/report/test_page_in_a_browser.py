"""The page as a person opens it, from disk, in a real headless browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import CHROMIUM, Browser, browser
from processes import wait_until
from run_folders import make_run

from rl.folders.run import RunFolder
from rl.report.folder import write_page
from rl.report.runs import compare_runs, read_run

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed"),
]
EVIL = "</script><script>document.title = 'hacked'</script><img src=//evil.example/x onerror=alert(1)>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs with a checkpoint; what the second wrote would do harm, were it read as HTML."""
    folder = tmp_path_factory.mktemp("page")
    make_run(folder / "short", 40, checkpoints=[4])
    make_run(folder / "long", 90, text=EVIL)
    runs = [read_run(RunFolder(folder / name), name) for name in ("short", "long")]
    write_page(compare_runs(runs), folder / "report", "Comparison of runs")
    return folder / "report" / "index.html"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def tab(shared: Browser) -> Browser:
    shared.forget()
    shared.look()
    return shared


def test_the_page_draws_itself_without_a_complaint_and_asks_for_nothing(tab: Browser, page: Path) -> None:
    tab.open(page.as_uri())
    assert tab.run("document.querySelectorAll('.panel svg[role=img]').length") >= 12
    assert tab.run("[...document.querySelectorAll('.plot')].every(plot => plot.querySelector('path, .grid'))")
    assert tab.run("document.body.innerText.includes('NaN') || document.body.innerText.includes('undefined')") is False
    assert tab.run("document.title") == "Comparison of runs"
    assert tab.complaints == []
    assert tab.requests == [page.as_uri()]


@pytest.mark.parametrize("width", [360, 700, 1280, 2200])
def test_it_fits_any_width(tab: Browser, page: Path, width: int) -> None:
    tab.look(width)
    tab.open(page.as_uri())
    # Charts are drawn anew once the window has its size.
    wait_until(lambda: tab.run("document.documentElement.scrollWidth") == width, f"the page is {width} pixels wide")
    assert tab.run("[...document.querySelectorAll('.plot svg')].every(svg => svg.clientWidth <= innerWidth)")


def test_it_follows_the_systems_theme_until_told_otherwise(tab: Browser, page: Path) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    tab.open(page.as_uri())
    light = tab.run(colour)
    tab.look(dark=True)
    dark = tab.run(colour)
    assert light != dark
    tab.run("document.getElementById('theme').click()")
    assert tab.run(colour) == light
    tab.run("document.getElementById('theme').click()")
    assert tab.run(colour) == dark
    tab.run("localStorage.clear()")


def test_a_run_can_be_hidden_in_all_charts(tab: Browser, page: Path) -> None:
    tab.open(page.as_uri())
    lines = "document.querySelectorAll('.plot g.run-1').length"
    assert tab.run(lines) > 5
    tab.run("document.querySelectorAll('#chips button')[1].click()")
    assert tab.run(lines) == 0
    assert tab.run("document.querySelectorAll('.plot g.run-0').length") > 5
    tab.run("document.querySelectorAll('#chips button')[1].click()")
    assert tab.run(lines) > 5
    assert tab.complaints == []


def test_answers_are_found_by_what_the_address_asks_for(tab: Browser, page: Path) -> None:
    tab.open(f"{page.as_uri()}#q=17%2B1&where=held-out")
    assert tab.run("document.getElementById('search').value") == "17+1"
    assert tab.run("document.getElementById('found').textContent") == "1 of 27 problems"
    assert tab.run("document.querySelector('#shown .prompt').textContent") == "17+1=?"
    assert tab.run("document.querySelector('#shown .prompt mark').textContent") == "17+1"
    # before, and each run: its end first, then its checkpoint
    assert tab.run("[...document.querySelectorAll('#shown .card b')].map(b => b.textContent)") == [
        "before", "short, step 8", "short, step 4", "long, step 8",
    ]  # fmt: skip


def test_answers_are_found_by_typing_and_by_verdict(tab: Browser, page: Path) -> None:
    tab.open(page.as_uri())
    shown = "document.querySelectorAll('#list li').length"
    assert tab.run(shown) == 27

    def enter(name: str, value: str, event: str) -> None:
        tab.run(
            f"Object.assign(document.getElementById('{name}'), {{value: '{value}'}}).dispatchEvent(new Event('{event}'))"
        )

    enter("search", "no such text", "input")
    assert tab.run(shown) == 0
    enter("search", "ONERROR", "input")
    assert tab.run(shown) == 27
    enter("where", "training", "change")
    assert tab.run(shown) == 3
    enter("filter", "wrong", "change")
    assert tab.run(shown) == 0
    assert tab.run("location.hash") == "#q=ONERROR&where=training&filter=wrong"
    assert tab.complaints == []


def test_what_a_model_wrote_is_shown_as_it_wrote_it_and_never_run(tab: Browser, page: Path) -> None:
    tab.open(page.as_uri())
    assert EVIL in tab.run("[...document.querySelectorAll('#shown pre')].map(pre => pre.textContent)")
    assert tab.run("document.querySelectorAll('img, iframe, object, embed, link').length") == 0
    assert tab.run("document.title") == "Comparison of runs"


def test_the_policy_would_stop_a_script_that_came_in_all_the_same(tab: Browser, page: Path) -> None:
    tab.open(page.as_uri())
    inject = "document.body.append(Object.assign(document.createElement('{}'), {{{}}}))"
    tab.run(inject.format("script", "textContent: 'document.title = 1'"))
    tab.run(inject.format("img", "src: 'https://evil.example/x.png'"))
    assert tab.run("document.title") == "Comparison of runs"
    assert tab.requests == [page.as_uri()]
    assert any("Content Security Policy" in complaint for complaint in tab.complaints)


def test_a_chart_says_what_lies_under_the_pointer(tab: Browser, page: Path) -> None:
    tab.open(page.as_uri())
    move = (
        "(([mark]) => {{ const box = mark.getBoundingClientRect(); mark.closest('svg').dispatchEvent(new PointerEvent("
        "'pointermove', {{clientX: box.x + box.width / 2, clientY: box.y + box.height / 2}})); }})"
        "(document.querySelectorAll('{}'))"
    )
    tip = "document.getElementById('tooltip').innerText"
    tab.run(move.format("#results .plot g.run-1 .mark"))
    assert tab.run(tip).startswith("long, step 8\n")
    assert "% accuracy [" in tab.run(tip)
    tab.run(move.format("#training .plot g.run-0 .line:not(.faint)"))
    assert tab.run(tip).startswith("optimiser step")
    assert "short: " in tab.run(tip)


def test_a_chart_in_focus_is_read_by_the_arrow_keys(tab: Browser, page: Path) -> None:
    tab.open(page.as_uri())
    press = (
        "document.querySelector('.plot svg').dispatchEvent(new KeyboardEvent('keydown', {key: '%s', bubbles: true}))"
    )
    tab.run("document.querySelector('.plot svg').focus()")
    said = []
    for key in ("Home", "ArrowRight", "End"):
        tab.run(press % key)
        assert tab.run("document.getElementById('tooltip').hidden") is False
        said.append(tab.run("document.getElementById('tooltip').textContent"))
    assert len(set(said)) == 3
    tab.run(press % "Escape")
    assert tab.run("document.getElementById('tooltip').hidden") is True
    assert tab.complaints == []
