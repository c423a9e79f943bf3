"""What only a CUDA device can show. Each says what it would check; none has run on the project's own machines."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from rl.rollouts import Ask, Sampling
from rl.rollouts.check import HALF_TOLERANCE, distance

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("level", [1, 2])
def test_a_sleeping_engine_gives_its_memory_back_and_wakes_with_new_weights(
    level: int, engine_of: Any, model: Any, prompts: Any, eos: Any, perturb: Any, lend: Any
) -> None:
    """Free memory grows while it rests; after `load_weights` it samples from the weights of then, not of before."""
    model = model.cuda()
    with engine_of("bfloat16", sleep=level) as engine:
        for version in range(3):
            engine.load_weights(lend(model), version)
            assert distance(engine, lend(model), prompts, eos, 16) <= HALF_TOLERANCE
            awake = torch.cuda.mem_get_info()[0]
            engine.rest()
            assert torch.cuda.mem_get_info()[0] > awake
            perturb(model)


def test_cuda_graphs_see_the_new_weights(
    engine_of: Any, model: Any, prompts: Any, eos: Any, perturb: Any, lend: Any
) -> None:
    """Captured graphs keep addresses: weights must be written in place, not swapped for new tensors."""
    model = model.cuda()
    with engine_of("bfloat16", enforce_eager=False) as engine:
        for version in range(2):
            engine.load_weights(lend(model), version)
            engine.generate(Ask.each(prompts * 8, [64] * 32, Sampling(), eos_ids=eos, seeds=range(32)))
            assert distance(engine, lend(model), prompts, eos, 16) <= HALF_TOLERANCE
            perturb(model)


def test_a_worker_takes_weights_over_nccl(model: Any, prompts: Any, eos: Any, perturb: Any) -> None:
    """`lengthwise serve --nccl` on the second device: after each send it answers with the version and its log-probs."""
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two CUDA devices, one for the worker")
    from vllm_server import GENERATE, KEY, ask, end, got, start

    from rl.rollouts.check import logprobs_of
    from rl.rollouts.vllm.nccl import GROUP_PORT, NcclChannel
    from rl.rollouts.weights import checkpoint_tensors

    model = model.to("cuda:0", torch.bfloat16)
    worker, process = start("--nccl", "--dtype", "bfloat16", CUDA_VISIBLE_DEVICES="1")
    try:
        channel = NcclChannel(worker.address, KEY, GROUP_PORT, torch.device("cuda:0"))
        for version in range(2):
            channel.send(checkpoint_tensors(model), version)
            _, answer = worker(GENERATE, ask(prompts[0], eos))
            completion, drawn_by = got(answer, prompts[0], eos)
            assert drawn_by == version
            with torch.no_grad():
                own = logprobs_of(model, prompts[0], completion).cpu()
            assert float((own - torch.tensor(completion.logprobs)).abs().mean()) <= HALF_TOLERANCE
            perturb(model)
        channel.close()
    finally:
        end(process)


def test_a_worker_on_two_devices_answers_as_on_one(model: Any, prompts: Any, eos: Any, tmp_path: Any) -> None:
    """`--tensor-parallel-size 2`: the folder's weights are split over both devices, and log-probs stay the model's."""
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two CUDA devices")
    from vllm_server import GENERATE, ask, end, got, start

    from rl.rollouts.check import logprobs_of
    from rl.rollouts.weights import write_weights

    worker, process = start("--tensor-parallel-size", "2", "--dtype", "bfloat16")
    try:
        write_weights(model, tmp_path / "w")
        assert worker("/lengthwise/weights", {"version": 0, "path": str(tmp_path / "w")})[0] == 200
        _, answer = worker(GENERATE, ask(prompts[0], eos))
        completion, drawn_by = got(answer, prompts[0], eos)
        assert drawn_by == 0
        with torch.no_grad():
            own = logprobs_of(model, prompts[0], completion)
        assert float((own - torch.tensor(completion.logprobs)).abs().mean()) <= HALF_TOLERANCE
    finally:
        end(process)
