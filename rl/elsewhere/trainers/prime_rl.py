"""prime-rl, by verifiers: an environment that rewards the attempts at a task together. Written against verifiers 0.4.0.

    class Env(Lengthwise, BestOfNEnv): ...      # n attempts an episode; group_size = 1 in prime-rl

verifiers ends an episode with `finalize`, which sees all attempts. The task's own rewards stay logged, with weight 0.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

from rl.elsewhere.groups.host import Host
from rl.elsewhere.groups.method import read_method
from rl.elsewhere.groups.scorer import GroupScorer
from rl.elsewhere.groups.told import Said, Scored, Told
from rl.errors import UserError
from rl.problems.paths import value_at

HOST = Host("prime-rl", "verifiers 0.4.0", logs=True)
ANSWER = "answer"


class Lengthwise:
    """To stand before an environment of several attempts among the bases of a class.

    Errors: UserError for a method that cannot be, and for attempts whose tokens are not known.
    """

    @cached_property
    def scorer(self) -> GroupScorer:
        return GroupScorer(read_method(), HOST)

    @cached_property
    def thread(self) -> ThreadPoolExecutor:
        """One, since episodes that end side by side share what is remembered."""
        return ThreadPoolExecutor(1)

    async def finalize(self, task: Any, episode: Any) -> None:
        """Record the reward `lengthwise` on each attempt, in the place of the others."""
        await super().finalize(task, episode)  # type: ignore[misc]
        traces = list(episode.traces)
        if not traces:
            return
        scored = await asyncio.get_running_loop().run_in_executor(self.thread, self._scored, task, traces)
        for trace, result in zip(traces, scored.results, strict=True):
            for name, reward in list(trace.rewards.items()):
                if reward is not None:
                    trace.record_reward(name, reward.score, 0.0)
            trace.record_reward("lengthwise", result.reward)
            trace.record_metric("lengthwise_correct", result.correct)
            trace.record_metric("lengthwise_judged", float(result.judged))

    def _scored(self, task: Any, traces: list[Any]) -> Scored:
        with HOST.told():
            columns = task.data.model_dump()
            prompt = task.data.prompt
            turns = prompt if isinstance(prompt, str) else [_turn(each) for each in columns["prompt"] or []]
            answer = value_at(columns, self.scorer.method.answer or ANSWER)
            told = Told(turns, answer, [_said(trace) for trace in traces], columns)
        (scored,) = self.scorer.score([told])
        return scored


def _turn(message: Any) -> dict[str, str]:
    content = message["content"]
    if not isinstance(content, str):
        content = "".join(part.get("text", "") for part in content)
    return {"role": message["role"], "content": content}


def _said(trace: Any) -> Said:
    """The tokens that were sampled, in the order of their turns."""
    nodes = [node for node in trace.nodes if node.sampled]
    own = [id for node in nodes for id, kept in zip(node.token_ids, node.mask, strict=True) if kept]
    if nodes and not own and trace.ok:
        raise UserError("an attempt says nothing of its tokens: take a client that renders them, as prime-rl's does")
    return Said(own, not trace.is_truncated, failed=not trace.ok)
