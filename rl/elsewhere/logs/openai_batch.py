"""Output of the OpenAI batch form, which `vllm run-batch` writes as well."""

from __future__ import annotations

from collections.abc import Iterator

from rl.elsewhere.logs.row import LEFT_OUT, Format, Line, Row, stop_of


def lines(rows: Iterator[Row]) -> Iterator[Line]:
    """A request's choices are a group. Neither prompt nor gold nor verdict: `--golds` brings them by `custom_id`.

    A request that failed has no rollout. Tokens are counted for all choices together, so they say the length of one.
    """
    for row in rows:
        response = row.get("response")
        if response is None or row.get("response.status_code") != 200:
            yield {LEFT_OUT: "as they failed"}
            continue
        choices = row.rows("response.body.choices")
        for choice in choices:
            content, thought = choice.get("message.content"), choice.values["message"].get("reasoning_content")
            said = content if isinstance(content, str) else choice.text("message.content") if not thought else ""
            line: Line = {
                "problem_id": row.name("custom_id"),
                "text": f"<think>\n{thought}\n</think>\n{said}" if thought else said,
                "stop": stop_of(choice.get("finish_reason")),
            }
            if len(choices) == 1 and row.has("response.body.usage.completion_tokens"):
                line["length"] = row.whole("response.body.usage.completion_tokens")
            yield line


FORMAT = Format("openai-batch", "the output of an OpenAI or vLLM batch", ("custom_id", "response"), lines)
