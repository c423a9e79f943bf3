"""Rollout workers: whether each is there, is ours, and takes what a recipe will ask of it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.specifiers import SpecifierSet

from rl.doctor.finding import Finding, fail, ok, warn

if TYPE_CHECKING:
    import httpx2

SECONDS = 10.0
"""That a worker may take to say how it is."""


@dataclass(frozen=True)
class Expected:
    """What a recipe asks of its workers; None: there is no recipe."""

    model: str | None = None
    budget: int | None = None
    """Tokens of the longest completion."""
    vllm: str = ""
    """The versions of vLLM that go with this project."""
    key: str | None = None


@dataclass(frozen=True)
class Answer:
    """What a server said, or why it said nothing."""

    status: int = 0
    body: Any = None
    error: str = ""
    vllm: str | None = None


def check_worker(address: str, answer: Answer, expected: Expected) -> list[Finding]:
    name = f"worker {address}"
    if answer.error:
        return [fail(f"{name} is not there: {answer.error}", "start it: lengthwise serve --model MODEL --port PORT")]
    if answer.status in (401, 403):
        how = "the key is another" if expected.key else "no key was given"
        return [
            fail(
                f"{name} wants its API key, and {how}",
                "name its variable as rollouts.pool.api_key_env, or by --api-key-env",
            )
        ]
    if answer.status != 200 or not isinstance(answer.body, dict) or "ready" not in answer.body:
        return [
            fail(f"{name} is no worker of ours (it says {answer.status})", "start one on that port by lengthwise serve")
        ]
    health: dict[str, Any] = answer.body
    found = [*_of_the_recipe(name, health, expected)]
    problem = str(health.get("problem", ""))
    if "died" in problem:
        found.append(fail(f"{name}: {problem}", "start it again; its own output says why"))
    if answer.vllm and expected.vllm and not SpecifierSet(expected.vllm).contains(answer.vllm, prereleases=True):
        found.append(
            warn(f"{name} runs vLLM {answer.vllm}, outside {expected.vllm}", "install lengthwise[vllm] where it runs")
        )
    state = f"has weights {health.get('version')}" if health.get("ready") else problem or "no weights yet"
    return found or [ok(f"{name} answers ({state}, {health.get('max_model_len')} tokens)")]


def _of_the_recipe(name: str, health: dict[str, Any], expected: Expected) -> list[Finding]:
    found = []
    serves, most = health.get("model"), health.get("max_model_len")
    if expected.model is not None and serves is not None and Path(serves).name != Path(expected.model).name:
        found.append(
            warn(f"{name} serves {serves}, and the recipe trains {expected.model}", "see that it is the same model")
        )
    if expected.budget is not None and isinstance(most, int) and most <= expected.budget:
        found.append(
            fail(
                f"{name} takes {most} tokens, and a completion alone may have {expected.budget}",
                f"start it with --max-model-len above {expected.budget} and the longest prompt",
            )
        )
    return found


def ask(address: str, key: str | None) -> Answer:
    """How a worker is. No proxy is asked, as in training."""
    import httpx2

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with httpx2.Client(base_url=address.rstrip("/"), headers=headers, timeout=SECONDS, trust_env=False) as client:
            reply = client.get("/lengthwise/health")
            version = _json(client.get("/version")) if reply.status_code == 200 else None
    except httpx2.TimeoutException:
        return Answer(error=f"no answer in {SECONDS:g} seconds")
    except httpx2.HTTPError as error:
        return Answer(error=" ".join(str(error).split()) or type(error).__name__)
    vllm = version.get("version") if isinstance(version, dict) else None
    return Answer(reply.status_code, _json(reply), vllm=vllm if isinstance(vllm, str) else None)


def _json(reply: httpx2.Response) -> Any:
    try:
        return reply.json()
    except ValueError:
        return None


def examine(addresses: Sequence[str], expected: Expected) -> list[Finding]:
    """All of them at once."""
    if not addresses:
        return []
    with ThreadPoolExecutor(len(addresses)) as pool:
        answers = list(pool.map(lambda address: ask(address, expected.key), addresses))
    pairs = zip(addresses, answers, strict=True)
    return [finding for address, answer in pairs for finding in check_worker(address, answer, expected)]
