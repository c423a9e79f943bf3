from pathlib import Path

import pytest

from rl.errors import UserError
from rl.folders.run import RunFolder
from rl.recipe.config import LengthGRPOConfig
from rl.recipe.files import load_recipe
from rl.recipe.trainer_config import trainer_config
from rl.rollouts.workers.http import HttpWorker

ONE = "rollouts.workers=[http://127.0.0.1:8000]"
BY_WORKERS = ["rollouts.engine=workers", ONE]
PARTIAL = ["rollouts.partial=true", "rollouts.max_staleness=1"]


def config(*overrides: str) -> LengthGRPOConfig:
    return trainer_config(load_recipe("demo-dler", overrides), Path("unused"), 80)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["rollouts.engine=workers"], r"needs addresses, as rollouts\.workers: \[http://127.*lengthwise serve"),
        ([ONE], r"rollouts\.workers would not be asked; set rollouts\.engine to workers"),
        (["rollouts.max_staleness=1"], r"only rollouts\.engine workers can; set it to 0"),
        (["rollouts.engine=vllm", "rollouts.max_staleness=1"], r"only rollouts\.engine workers can; set it to 0"),
        ([*BY_WORKERS, "rollouts.max_staleness=-1"], "at least 0 rounds, not -1"),
        (
            [*BY_WORKERS, "rollouts.max_staleness=2", "rollouts.pool.weights=nccl"],
            r"nccl sends once nothing is under way.*set it to 1, or rollouts\.pool\.weights to files",
        ),
        (
            [*BY_WORKERS, "rollouts.pool.in_flight=0"],
            r"rollouts\.pool\.in_flight: Input should be greater than or equal to 1, not 0",
        ),
        ([*BY_WORKERS, "trainer.top_p=0.9"], "drawn with top_p, top_k or min_p would be wrong.*correction: false"),
        ([*PARTIAL[:1]], r"goes on with rollouts in the next round.*set rollouts\.max_staleness to 1"),
        ([*PARTIAL, "rollouts.oversample=2.5"], r"rollouts\.oversample must lie between 1 and 2, not 2\.5"),
        ([*PARTIAL, "rollouts.oversample=1"], r"rollouts\.oversample must be above 1, not 1\.0"),
        (["rollouts.oversample=1.3"], r"for rollouts\.partial to go on with; set that to true"),
        (
            [*PARTIAL, "trainer.vllm_importance_sampling_mode=sequence_mask"],
            "corrected one by one; set .* token_truncate",
        ),
        (
            [*PARTIAL, "rollouts.engine=vllm", "rollouts.vllm.tensor_parallel_size=2"],
            "tensor_parallel_size 2 has ranks share an engine; set it to 1",
        ),
        ([*PARTIAL, *BY_WORKERS, "rollouts.pool.weights=nccl"], "partial always has something; set it to files"),
        ([*PARTIAL, "trainer.top_p=0.9"], "drawn with top_p, top_k or min_p would be wrong"),
        (["trainer.max_staleness=1"], r"set elsewhere in a recipe: use rollouts\.max_staleness"),
    ],
)
def test_settings_of_an_engine_that_cannot_be_are_said_in_one_line(overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        config(*overrides)


def test_rollouts_of_another_engine_are_corrected_per_token_unless_told_otherwise() -> None:
    assert not config().correct_rollouts
    corrected = config(*BY_WORKERS)
    assert corrected.correct_rollouts
    assert corrected.vllm_importance_sampling_mode == "token_truncate"
    assert not config(*BY_WORKERS, "trainer.vllm_importance_sampling_correction=false").correct_rollouts
    config(*BY_WORKERS, "trainer.vllm_importance_sampling_correction=false", "trainer.top_p=0.9")


def test_partial_rollouts_are_corrected_whatever_the_engine() -> None:
    found = config(*PARTIAL)
    assert (found.oversample, found.max_staleness, found.correct_rollouts) == (1.5, 1, True)
    assert config().oversample == 1.0


def test_a_run_goes_on_with_other_workers(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.start(load_recipe("demo-dler", BY_WORKERS))
    others = ["rollouts.engine=workers", "rollouts.workers=[http://10.0.0.7:9000]", "rollouts.wait_minutes=5"]
    assert run.status(load_recipe("demo-dler", others)) == "unfinished"
    with pytest.raises(UserError, match="a run of another recipe"):
        run.status(load_recipe("demo-dler", [*BY_WORKERS, "rollouts.max_staleness=1"]))


def test_what_is_no_address_is_said() -> None:
    with pytest.raises(UserError, match="'gpu7:8000' is no address"):
        HttpWorker("gpu7:8000", 10)
