"""What a log does not say, added to its lines: ids, verdicts, lengths, stops; and said, in one line."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from rewards import Verdict
from rewards.verifier import Verifier
from rl.elsewhere.known import rows_of
from rl.elsewhere.logs.row import LEFT_OUT, Format, Line, Row, gold_of
from rl.errors import UserError, first_line
from rl.plugins import judge, load_verifier
from rl.problems.prompts import problem_id
from rl.reading import lines_of, parsed
from rl.terminal import say

CHUNK = 512
"""Lines that are counted and judged at once."""
NEARLY = 0.98
"""The share of the cap from which a rollout counts as cut, where its tokens were counted again from its text: that
merges some that were sampled apart."""


@dataclass(frozen=True)
class Told:
    """What a user says of logs that these do not."""

    format: str | None = None
    tokenizer: str | None = None
    """A folder with a tokenizer.json, the file itself, or a hub name."""
    verdict: str | None = None
    """Which of a log's rewards or metrics says what is right."""
    above: float | None = None
    """Above which score a rollout is right."""
    cap: int | None = None
    """Tokens that the rollouts could have."""
    golds: Path | None = None
    """Lines with `custom_id`, `answer` and, if need be, `prompt`."""

    def __post_init__(self) -> None:
        if self.above is not None and not math.isfinite(self.above):
            raise UserError(f"--above must be a finite score, not {self.above}")

    def tell_unneeded(self, path: Path) -> None:
        """One line where verdicts were to be made of lines of our own, which have theirs."""
        asked = {"--verdict": self.verdict, "--above": self.above, "--golds": self.golds}
        given = next((option for option, value in asked.items() if value is not None), None)
        if given is not None:
            say(f"{path}: its lines say themselves what is `correct`: {given} changes nothing of them", error=True)


class _Watched:
    """Rows, and where the last one stands."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self.where, self._rows = "", rows

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.where = row.where
            yield row


def lines_of_log(path: Path, log: Format, told: Told, files: Sequence[Path] = ()) -> Iterator[tuple[str, Line]]:
    """A log's rollouts as lines, whole, each after where it stands; `files` where it is a folder of them.

    Errors: UserError naming row and column, or what has to be told.
    """
    counts: Counter[str] = Counter()
    watched = _Watched(chain.from_iterable(rows_of(file, log) for file in files or [path]))
    golds = _golds(told.golds) if told.golds else {}
    found = _kept(log.lines(iter(watched)), counts)
    wanting = ((watched.where, _identified(line, told, golds, watched.where)) for line in found)
    tokens: Callable[[Sequence[str]], list[int]] | None = None
    verifier: Verifier | None = None
    while placed := list(islice(wanting, CHUNK)):
        chunk = [line for _, line in placed]
        unjudged = [line for line in chunk if "correct" not in line]
        if unjudged:
            verifier = verifier or load_verifier("math", {})
            _judge(unjudged, verifier, path, counts)
        textual = [line for line in chunk if line.get("length") is None]
        if textual:
            if told.tokenizer is None:
                raise UserError(f"{path}: {log.says} holds no lengths; name the model's tokenizer by --tokenizer")
            tokens = tokens or counter(told.tokenizer)
            for line, length in zip(textual, tokens([line["text"] for line in textual]), strict=True):
                line["length"], line["counted"] = length, True
            counts["counted"] += len(textual)
        for where, line in placed:
            yield where, _ended(line, told, counts)
    _tell(path, log, told, counts)


def _kept(lines: Iterator[Line], counts: Counter[str]) -> Iterator[Line]:
    """Without what is no rollout, which is counted by its reason."""
    for line in lines:
        if LEFT_OUT in line:
            counts[f"{LEFT_OUT} {line[LEFT_OUT]}"] += 1
        else:
            yield line


def _identified(line: Line, told: Told, golds: Mapping[str, Line], where: str) -> Line:
    """A line with its problem, and its verdict where the log has one in any form."""
    if golds:
        own = golds.get(str(line.get("problem_id")))
        if own is None:
            raise UserError(f"{where}: {told.golds} has no line with custom_id {line.get('problem_id')!r}")
        line = {**line, "answer": own["answer"], "prompt": own.get("prompt", line.get("prompt"))}
        if own.get("prompt") is not None:
            line.pop("problem_id")
    scores = line.pop("scores", None)
    if scores is not None and "correct" not in line:
        line["correct"] = _right(scores, told, where)
    if line.get("problem_id") is None:
        prompt = line.get("prompt")
        asked = prompt if isinstance(prompt, str | list) else str(prompt)
        line["problem_id"] = problem_id(asked, str(line.get("answer", "")))
    return {name: value for name, value in line.items() if value is not None or name in ("correct", "advantage")}


def _right(scores: Mapping[str, float | None], told: Told, where: str) -> bool | None:
    """Whether the log calls a rollout right. Errors: UserError where it says so in no way that is known."""
    name = told.verdict or (next(iter(scores)) if len(scores) == 1 else None)
    if name is None:
        known = ", ".join(scores) or "no rewards"
        raise UserError(f"{where}: which of {known} says what is right? name it by --verdict")
    if name not in scores:
        raise UserError(f"{where}: column {name!r} is missing; --verdict may name {', '.join(scores)}")
    value = scores[name]
    if value is None:
        return None
    if not math.isfinite(value):
        raise UserError(f"{where}: column {name!r} must be a finite number, not {value}")
    if told.above is not None:
        return value > told.above
    if value not in (-1.0, 0.0, 1.0):
        raise UserError(
            f"{where}: column {name!r} is {value:g}, neither right (1) nor wrong (0, -1); say above which it is right: "
            "--above 0.5"
        )
    return value == 1.0


def _judge(lines: Sequence[Line], verifier: Verifier, path: Path, counts: Counter[str]) -> None:
    if any(not line.get("answer") for line in lines):
        raise UserError(f"{path}: neither verdicts nor gold answers; give --golds FILE.jsonl with custom_id and answer")
    verdicts = judge(verifier, [line["answer"] for line in lines], [line["text"] for line in lines])
    for line, verdict in zip(lines, verdicts, strict=True):
        worth = Verdict(verdict).worth
        line["verdict"], line["correct"] = str(verdict), None if worth is None else worth == 1
    counts["judged"] += len(lines)


def _ended(line: Line, told: Told, counts: Counter[str]) -> Line:
    """A line with its stop, and an end of text counted where its tokens were and it ended by itself."""
    counted = line.pop("counted", False)
    if line.get("stop", "unknown") == "unknown":
        line["stop"] = "unknown"
        if told.cap is not None:
            line["stop"] = "length" if line["length"] >= told.cap * (NEARLY if counted else 1) else "eos"
        counts[line["stop"] if told.cap is None else "by cap"] += 1
    if counted and line["stop"] == "eos":
        line["length"] += 1
    counts["rollouts"] += 1
    return {"budget": told.cap, **line}


def _tell(path: Path, log: Format, told: Told, counts: Counter[str]) -> None:
    """One line: as what a file was read, and what of it is not the log's own."""
    said = [f"{path}: {counts['rollouts']:,} rollouts, read as {log.says}"]
    left = {name: count for name, count in counts.items() if name.startswith(LEFT_OUT)}
    said += [f"{count:,} left out, {name.removeprefix(LEFT_OUT).strip()}" for name, count in left.items()]
    if counts["counted"]:
        said.append(f"lengths counted with {told.tokenizer}")
    if counts["by cap"]:
        said.append(f"stops by the cap of {told.cap}")
    if counts["unknown"]:
        said.append(f"how {counts['unknown']:,} of them ended is not in it (--cap TOKENS says)")
    if counts["judged"]:
        said.append(f"{counts['judged']:,} judged by `math`")
    say("; ".join(said), error=True)


def _golds(path: Path) -> dict[str, Line]:
    found: dict[str, Line] = {}
    for place, text in lines_of(path):
        where = f"{path}, row {place}"
        values = parsed(text, where)
        row = Row(values if isinstance(values, Mapping) else {}, where)
        found[row.name("custom_id")] = {**row.values, "answer": gold_of(row.get("answer"))}
    return found


def counter(name: str) -> Callable[[Sequence[str]], list[int]]:
    """What counts the tokens of texts, without those that only mark begin and end. Errors: UserError."""
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise UserError("counting tokens needs the package tokenizers: pip install tokenizers") from error
    path = Path(name).expanduser()
    file = path / "tokenizer.json" if path.is_dir() else path
    try:
        made: Any = Tokenizer.from_file(str(file)) if file.is_file() else Tokenizer.from_pretrained(name)
    except Exception as error:
        raise UserError(f"no tokenizer {name!r}: {first_line(error)}; give a folder with a tokenizer.json") from error
    made.no_truncation()
    made.no_padding()
    return lambda texts: [len(each.ids) for each in made.encode_batch(list(texts), add_special_tokens=False)]
