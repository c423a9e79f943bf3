"""`lengthwise verify`: judge a file of completions, and compare with what is expected of them."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from rl.commands.methods.listing import list_plugins
from rl.commands.options import Json, Quiet, Settings
from rl.commands.output import progress, require_place, write_json
from rl.errors import UserError
from rl.terminal import say

CHUNK = 64
"""Cases judged between two looks at the progress bar."""
ROLLOUT = {"gold": "answer", "completion": "text", "expect": "correct"}
"""What files of rollouts call a case's keys."""


def verify(
    cases: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="JSON lines: gold, completion, also prompt and expect; or rollouts with answer and text.",
        ),
    ] = None,
    verifier: Annotated[str, typer.Option(help="A verifier's name, or a function as file.py:name.")] = "math",
    settings: Settings = None,
    json_file: Json = None,
    quiet: Quiet = False,
) -> None:
    """Judge completions against their gold answers; without --cases, list the verifiers."""
    from rl.elsewhere import offline
    from rl.plugins import load_verifier

    if cases is None:
        if settings or quiet:
            raise UserError("give --cases FILE.jsonl, one object with `gold` and `completion` a line")
        list_plugins("verifier", None, json_file)
        return
    rows = read_cases(cases)
    require_place(json_file)
    result = judged(load_verifier(verifier, offline.parse_settings(settings or [])), rows, quiet)
    if json_file:
        write_json(json_file, result)
    for line in summary(result):
        say(line)


def read_cases(path: Path) -> dict[int, dict[str, Any]]:
    """The cases of a file by line; a run's are to be judged as it did. Errors: UserError naming line and key."""
    from rl.elsewhere.own_logs import is_own
    from rl.elsewhere.rollout_files import read_lines

    lines = read_lines(path)
    if is_own(path):
        return {
            place: {"gold": line["answer"], "completion": line["text"], "expect": line["correct"]}
            for place, line in lines.items()
        }
    for place, line in lines.items():
        where = lines.where[place]
        if "completion" not in line and "text" in line:  # a rollout, whose prompt may be turns
            line |= {name: line[key] for name, key in ROLLOUT.items() if name not in line and key in line}
            line["prompt"] = line["prompt"] if isinstance(line.get("prompt"), str) else None
        for key in ("gold", "completion"):
            if not isinstance(line.get(key), str):
                wrong = (
                    f"(in rollouts {ROLLOUT[key]!r}) is missing"
                    if key not in line
                    else f"must be a text, not {line[key]!r}"
                )
                raise UserError(f"{where}: key {key!r} {wrong}")
        for key in ("expect", "thinking_begun"):
            if not isinstance(line.get(key), bool | None):
                raise UserError(f"{where}: {key!r} must be true or false, not {line[key]!r}")
        if not isinstance(line.get("prompt"), str | None):
            raise UserError(f"{where}: 'prompt' must be the prompt's whole text, not {line['prompt']!r}")
        if line.get("prompt") is not None and line.get("thinking_begun") is not None:
            raise UserError(f"{where}: 'prompt' says whether thinking is begun; remove 'thinking_begun'")
    return lines


def _read(case: dict[str, Any]) -> str:
    """The completion after what its prompt had begun of the thinking."""
    from rewards.thinking import THINK, opened, read

    lead = THINK.begin if case.get("thinking_begun") else opened(case.get("prompt") or "")
    return read(lead, case["completion"])


def judged(verifier: Any, lines: dict[int, dict[str, Any]], quiet: bool = True) -> dict[str, Any]:
    """What the command writes: the verdicts in file order, the seconds, and how many are as expected.

    `agree` is the share of the lines with `expect` whose verdict is as expected (`true`: correct), null
    where there is none; `disagree` are the numbers of the other lines.
    """
    from rewards.verifier import Isolated
    from rl.plugins import judge

    places = list(lines)
    verdicts: list[str] = []
    started = time.perf_counter()
    try:
        with progress("judging", len(places), quiet) as advance:
            for start in range(0, len(places), CHUNK):
                chunk = [lines[place] for place in places[start : start + CHUNK]]
                found = judge(verifier, [c["gold"] for c in chunk], [_read(c) for c in chunk])
                verdicts += map(str, found)
                advance(len(chunk))
    except KeyboardInterrupt:
        say(f"stopped after {len(verdicts)} of {len(places)} cases; nothing written", error=True)
        raise typer.Exit(130) from None
    finally:
        if isinstance(verifier, Isolated):
            verifier.close()
    right = dict(zip(places, (verdict == "correct" for verdict in verdicts), strict=True))
    expected = {place: line["expect"] for place, line in lines.items() if line.get("expect") is not None}
    disagree = [place for place, expect in expected.items() if right[place] is not expect]
    return {
        "verdicts": verdicts,
        "seconds": time.perf_counter() - started,
        "agree": 1 - len(disagree) / len(expected) if expected else None,
        "disagree": disagree,
    }


def summary(result: dict[str, Any]) -> list[str]:
    """The result in a few lines."""
    verdicts, seconds = result["verdicts"], result["seconds"]
    counts = ", ".join(f"{count} {verdict}" for verdict, count in Counter(verdicts).most_common())
    lines = [f"{len(verdicts)} cases in {seconds:.2f} s: {counts or 'none'}"]
    if result["agree"] is not None:
        lines.append(f"as expected: {result['agree']:.2%}")
    if result["disagree"]:
        shown = ", ".join(map(str, result["disagree"][:20]))
        more = "" if len(result["disagree"]) <= 20 else f" and {len(result['disagree']) - 20} more"
        lines.append(f"not as expected: lines {shown}{more}")
    return lines
