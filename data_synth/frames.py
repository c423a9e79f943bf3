"""What is said around the documents, in the project's own style and in the shape of LoongRL's prompt."""

from __future__ import annotations

from data_synth.packing import Frame
from data_synth.settings import PromptStyle

_SYSTEM = (
    "Work the problem out between <think> and </think> first. "
    "Then state the final answer, and nothing but the answer, inside \\boxed{}."
)


def keychain_frame(style: PromptStyle, start: str) -> Frame:
    """Around documents with links: where the chain starts, and that the question at its end is to be answered.

    `paper` has LoongRL's parts (arXiv 2510.19363, figure 2) in other words: a system turn about thinking and the
    box, an opening line, and a closing paragraph about one right question and consecutive keys.
    """
    if style == "paper":
        return Frame(
            _SYSTEM,
            "Read this text carefully.",
            "Several questions are hidden in the text, and one of them is the right one. The only way to it is to "
            f"follow the consecutive chain of key: value pairs that starts at {start}. "
            "Find that question first, and then answer it.",
        )
    return Frame(
        "",
        "Read the passages below. Links, each a pair in JSON, are scattered among their sentences.",
        "Every link leads from a key to another key or to a question. Begin with the link of the key "
        f"{start}, look up the key that it gives, and go on so until you reach a question. Answer this question "
        "from the passages, and no other. Put the final answer inside \\boxed{}.",
    )


def question_frame(style: PromptStyle, question: str) -> Frame:
    """Around documents without links: a question that is plain to see."""
    if style == "paper":
        return Frame(_SYSTEM, "Read this text carefully.", f"Answer this question from the text: {question}")
    return Frame(
        "",
        "Read the passages below.",
        f"Answer this question from the passages: {question} Put the final answer inside \\boxed{{}}.",
    )
