"""What other projects' tests hold that verifiers misjudge, kind by kind: see `kinds.py`."""

import sys
from pathlib import Path

import pytest

from rewards.verifier.full import judge
from rewards.verifier.quick import compare

sys.path.insert(0, str(Path(__file__).parent))
from kinds import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_both_checks_tell_right_from_wrong(kind: str) -> None:
    for right, pairs in zip((True, False), KINDS[kind], strict=True):
        assert [pair for pair in pairs if (judge(*pair) == "correct") is not right] == []
        assert [pair for pair in pairs if compare(*pair) is (not right)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_is_right_by_itself(kind: str) -> None:
    texts = {text for pairs in KINDS[kind] for pair in pairs for text in pair}
    assert [text for text in texts if judge(text, f"${text}$") != "correct"] == []


def test_there_are_thirty_pairs_and_more_of_each_kind() -> None:
    assert [kind for kind, pairs in KINDS.items() if len(pairs.right) + len(pairs.wrong) < 30] == []
