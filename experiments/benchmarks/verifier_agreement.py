"""Verdicts beside math-verify's on real gold answers: against themselves, rewritten, and against wrong ones.

    LENGTHWISE_DATA=... python experiments/benchmarks/verifier_agreement.py

Every pair is right or wrong by how it was made (`experiments.answers`, and `experiments.mutations` for what
verifiers are known to misread). math-verify judges it twice: with its own defaults, and with the settings of
`trl.rewards.accuracy_reward`; the gold answer is boxed for it, as it asks for. Writes
results/verifier_agreement.json and results/verifier_agreement.md, and the pairs on which this verifier and
math-verify with its defaults say different things to results/verifier_agreement_differ.tsv.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.metadata import version

from latex2sympy2_extended import NormalizationConfig
from math_verify import LatexExtractionConfig, parse, verify

from experiments.answers import Pair, data_folder, pairs, solved
from experiments.benchmarks._shared import RESULTS, write
from experiments.mutations import mutations
from rewards.verifier import MathVerifier
from rewards.verifier.quick import compare

SHOWN = 12
Judge = Callable[[str, str], bool]


def defaults(gold: str, answer: str) -> bool:
    """math-verify as it comes."""
    return bool(verify(parse(f"\\boxed{{{gold}}}"), parse(f"\\boxed{{{answer}}}")))


def as_trl(gold: str, answer: str) -> bool:
    """math-verify with the settings that TRL's accuracy reward gives it."""
    config = LatexExtractionConfig(
        normalization_config=NormalizationConfig(units=True), boxed_match_priority=0, try_extract_without_anchor=False
    )
    read = parse(f"\\boxed{{{answer}}}", extraction_config=[config], extraction_mode="first_match")
    return bool(verify(parse(f"\\boxed{{{gold}}}"), read))


STOCK: dict[str, Judge] = {"math-verify": defaults, "math-verify as TRL calls it": as_trl}


def main() -> None:
    folder = data_folder()
    if folder is None:
        print("LENGTHWISE_DATA names no folder with real problem files; export it")
        return
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)
    golds = [problem.gold for problem in solved(folder)]
    every = list(dict.fromkeys([*pairs(golds), *mutations(golds)]))
    verifier = MathVerifier()
    verdicts = verifier.judge([pair.gold for pair in every], [f"\\boxed{{{pair.answer}}}" for pair in every])
    verifier.close()
    found = {"lengthwise": [str(verdict) == "correct" for verdict in verdicts]}
    for name, judge in STOCK.items():
        found[name] = [judge(pair.gold, pair.answer) for pair in every]
    tabulate(every, found)
    differ(every, found)


def differ(every: Sequence[Pair], found: dict[str, list[bool]]) -> None:
    """Write the pairs that the two judge differently, sorted, the one that is right named."""
    ours, theirs = found["lengthwise"], found["math-verify"]
    lines = ["right by\tkind\tgold\tanswer"]
    for pair, we, they in sorted(zip(every, ours, theirs, strict=True), key=lambda row: (row[0].kind, row[0].gold)):
        if we is not they:
            text = ("lengthwise" if we is pair.right else "math-verify", pair.kind, pair.gold, pair.answer)
            lines.append("\t".join(" ".join(part.split()) for part in text))
    (RESULTS / "verifier_agreement_differ.tsv").write_text("\n".join(lines) + "\n")


def tabulate(every: Sequence[Pair], found: dict[str, list[bool]]) -> None:
    wrong = {
        name: [p for p, said in zip(every, says, strict=True) if said is not p.right] for name, says in found.items()
    }
    lost = [pair for pair in wrong["lengthwise"] if any(pair not in wrong[name] for name in STOCK)]
    quick = sum(compare(pair.gold, pair.answer) is not None for pair in every)
    made = Counter((pair.right, pair.kind) for pair in every)
    paid = sum(not pair.right for pair in wrong["lengthwise"])
    refused = len(wrong["lengthwise"]) - paid
    result = {
        "pairs": len(every),
        "right_by_math_verify_and_wrong_by_us": len(lost),
        "wrong_answers_paid": paid,
        "right_answers_refused": refused,
        "wrong_verdicts": {name: len(bad) for name, bad in wrong.items()},
        "settled_by_the_fast_path": quick / len(every),
        "kinds": {kind: count for (_, kind), count in made.items()},
        "versions": {name: version(name) for name in ("math-verify", "latex2sympy2_extended", "sympy")},
    }
    lines = [
        f"{len(every):,} pairs of gold answer and boxed answer, from GSM8K test, MATH-500 and 2,000 MATH training",
        f"problems. The fast path settles {quick / len(every):.1%} of them. Wrong answers paid: {paid}; right ones",
        f"refused: {refused}; verdicts that math-verify gets right and this verifier gets wrong: {len(lost)}.",
        "Where the two differ, pair by pair, is in `experiments/benchmarks/results/verifier_agreement_differ.tsv`.",
        "",
        f"| the answer is | pairs | {' | '.join(f'wrong verdicts, {name}' for name in found)} |",
        f"|---|---|{'---|' * len(found)}",
    ]
    for (right, kind), count in sorted(made.items(), key=lambda item: (not item[0][0], -item[1])):
        bad = [sum(p.kind == kind for p in wrong[name]) for name in found]
        lines.append(f"| {'right' if right else 'wrong'}: {kind} | {count} | {' | '.join(map(str, bad))} |")
    lines += ["", "Some that math-verify, as TRL calls it, gets wrong:", ""]
    shown = {pair.kind + str(pair.right): pair for pair in wrong["math-verify as TRL calls it"]}
    lines += [f"- `{p.answer}` for `{p.gold}` ({p.kind})" for p in list(shown.values())[:SHOWN]]
    lines += ["", "Made by `python experiments/benchmarks/verifier_agreement.py`."]
    write("verifier_agreement", result, lines)


if __name__ == "__main__":
    main()
