"""Open questions over long context."""

import pytest
from synthetic import build, user

from data_synth.errors import SynthError
from data_synth.text import normalised


def test_the_question_is_asked_openly_and_its_documents_are_there() -> None:
    for row in build("multihop", n=20):
        assert row["question"] in user(row).rsplit("\n\n", 1)[1]
        assert '{"' not in user(row)
        assert normalised(row["answer"]) in normalised(user(row))
        assert 2 <= len(row["gold_docs"]) <= 4
        assert 0.995 * 2048 <= row["n_tokens"] <= 2048
        assert (row["start_key"], row["chain"], row["links"], row["distractors"]) == (None, [], [], [])


def test_a_target_that_holds_no_documents_is_given_up() -> None:
    with pytest.raises(
        SynthError, match="no question can be built for row 0; rejected so far: 60 because its documents do not fit"
    ):
        build("multihop", tokens=64, n=2)
