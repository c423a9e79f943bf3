"""Problems from a file, a hub data set, a Python factory, or the embedded task."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any

from rewards import Problem
from rewards.types import Prompt
from rewards.verifier import Verifier, boxed_answer
from rl.errors import OutOfReach, UserError
from rl.plugins import load_object, readable
from rl.problems.benchmarks import BENCHMARKS, known_row
from rl.recipe.parts import PromptPart, SourcePart

FILE_KINDS = (".jsonl", ".json", ".parquet")
PROBLEM_COLUMNS = ("problem", "question", "prompt")
ANSWER_COLUMNS = ("answer", "ground_truth", "solution")
EMBEDDED = {"demo": "data_synth.arithmetic:problems", "keychain-demo": "data_synth.keychain_demo:problems"}


@dataclass(frozen=True)
class ProblemSet:
    """Problems ready to train on, and how many were left out because nobody could judge them."""

    problems: list[Problem]
    source: str
    unreadable: int = 0
    duplicates: int = 0
    contents: tuple[str, ...] = ()
    """A hash of each problem's text and answer, whatever the prompt around it."""

    def first(self, limit: int | None) -> ProblemSet:
        """Only so many problems."""
        return replace(self, problems=self.problems[:limit], contents=self.contents[:limit])


def load_problems(source: SourcePart, prompt: PromptPart, verifier: Verifier, chat: bool = True) -> ProblemSet:
    """Read, normalise, de-duplicate and check one data source.

    A row without a problem or an answer is an error that names the row. A problem whose answer the
    verifier cannot read is left out and counted, as is a second copy of a problem. `chat` says
    whether the model's tokenizer has a chat template; without one a prompt is plain text.
    """
    return problems_of(rows_of(source), source, prompt, verifier, chat)


def problems_of(
    given: Iterable[Mapping[str, Any]], source: SourcePart, prompt: PromptPart, verifier: Verifier, chat: bool = True
) -> ProblemSet:
    """The same from rows that have been read."""
    problems: dict[str, Problem] = {}
    contents: dict[str, str] = {}
    rows = 0
    for number, row in enumerate(given, 1):
        rows += 1
        problem, content = _problem(row, f"{source.source}, row {number}", source.columns, prompt, chat)
        problems.setdefault(problem.id, problem)
        contents.setdefault(problem.id, content)
    if rows == 0:
        raise UserError(f"{source.source} holds no problems; give a file with one problem a row")
    can_be_judged = readable(verifier, [problem.answer for problem in problems.values()])
    kept = [problem for problem, can in zip(problems.values(), can_be_judged, strict=True) if can]
    if not kept:
        raise UserError(f"{source.source}: the verifier can read none of the {rows} answers; is `columns` right?")
    return ProblemSet(
        kept, source.source, len(problems) - len(kept), rows - len(problems), tuple(contents[p.id] for p in kept)
    )


def rows_of(source: SourcePart) -> Iterable[Mapping[str, Any]]:
    """The rows of a source as they stand there. Errors: UserError where it cannot be read."""
    name = EMBEDDED.get(source.source, source.source)
    path = Path(name)
    if name in BENCHMARKS and not path.exists():
        return _hub_rows(BENCHMARKS[name].hub, {**BENCHMARKS[name].options, **source.options})
    if path.suffix in FILE_KINDS:
        return _file_rows(path)
    if path.is_dir():
        return _folder_rows(path)
    if ":" in name:
        rows = load_object(name, "data factory")
        try:
            return list(rows(**source.options))
        except (TypeError, ValueError) as error:
            raise UserError(f"data factory {name!r}: {error}") from error
    if path.exists() or path.suffix:
        raise UserError(f"{name}: expected one of {', '.join(FILE_KINDS)}, a hub name, or module:factory")
    return _hub_rows(name, source.options)


def _folder_rows(path: Path) -> Iterable[Mapping[str, Any]]:
    """The rows of all parquet shards in a folder and those below it, in the order of their paths."""
    shards = sorted(path.rglob("*.parquet"))
    if not shards:
        raise UserError(f"data folder {str(path)!r} holds no .parquet file; check `data` in the recipe")
    return chain.from_iterable(map(_file_rows, shards))


def _file_rows(path: Path) -> Iterable[Mapping[str, Any]]:
    if not path.is_file():
        raise UserError(f"data file {str(path)!r} does not exist; check `data` in the recipe")
    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            rows = pq.read_table(path).to_pylist()
        elif path.suffix == ".json":
            rows = json.loads(path.read_text())
        else:
            rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    except (ValueError, OSError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UserError(f"{path}: expected a list of objects, one a problem")
    return rows


def _hub_rows(name: str, options: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    from datasets import load_dataset

    try:
        return load_dataset(name, **{"split": "train", **options})  # type: ignore[no-any-return]
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise OutOfReach(f"no file and no hub data set {name!r}: {reason}") from error


def _problem(
    row: Mapping[str, Any], where: str, columns: Mapping[str, str], form: PromptPart, chat: bool
) -> tuple[Problem, str]:
    """The problem, and a hash of what is asked and answered, whatever the form of the prompt."""
    row = row if columns else known_row(row)
    # Turns of a chat are what a model is given, whatever a `question` beside them says.
    asked = columns.get("problem") or ("prompt" if isinstance(row.get("prompt"), list) else None)
    problem_key = _column(row, asked, PROBLEM_COLUMNS, "problem", where)
    answer_key = _column(row, columns.get("answer"), ANSWER_COLUMNS, "answer", where)
    text = row[problem_key]
    answer = final_answer(str(row[answer_key]))
    if not answer:
        raise UserError(f"{where}: column {answer_key!r} holds no final answer (a #### line or a \\boxed{{}})")
    prompt: Prompt
    if isinstance(text, str):
        turns = [("system", form.system), ("user", form.template.replace("{problem}", text))]
        messages = [{"role": role, "content": content} for role, content in turns if content]
        prompt = messages if chat else "\n\n".join(m["content"] for m in messages)
    else:
        prompt = text
    rest = {k: v for k, v in row.items() if k not in (problem_key, answer_key)}
    return Problem(problem_id(prompt, answer), prompt, answer, rest), problem_id(text, answer)


def problem_id(prompt: Prompt, answer: str) -> str:
    """A hash of the problem's content, so that it survives any reordering of the data."""
    identity = json.dumps([prompt, answer], sort_keys=True, ensure_ascii=False)
    return blake2b(identity.encode(), digest_size=8).hexdigest()


def _column(row: Mapping[str, Any], asked: str | None, usual: tuple[str, ...], role: str, where: str) -> str:
    for name in (asked,) if asked else usual:
        if row.get(name) not in (None, ""):
            return str(name)
    wanted = repr(asked) if asked else " or ".join(map(repr, usual))
    there = ", ".join(map(repr, row)) or "none"
    raise UserError(
        f"{where}: a problem without {role}: no value in column {wanted}; map it under `columns` (there are: {there})"
    )


def final_answer(answer: str) -> str:
    r"""The final answer of a worked solution: after GSM8K's `####`, in MATH's `\boxed{}`, or all of it."""
    _, marker, tail = answer.rpartition("####")
    if marker:
        return re.sub(r"(?<=[0-9]),(?=[0-9]{3})", "", tail.strip())
    boxed = boxed_answer(answer)
    return answer.strip() if boxed is None else boxed
