"""What a launch is, by what accelerate hands on to its ranks."""

import pytest

from rl.launch.configuration import Launch
from rl.launch.here import launch_here


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, Launch(cpu=True)),
        ({"ACCELERATE_USE_FSDP": "true"}, Launch(1, "fsdp", cpu=True)),
        ({"ACCELERATE_USE_FSDP": "true", "FSDP_OFFLOAD_PARAMS": "true"}, Launch(1, "fsdp", True, True, cpu=True)),
        ({"ACCELERATE_USE_DEEPSPEED": "true"}, Launch(1, "zero2", cpu=True)),
        (
            {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "3", "ACCELERATE_DEEPSPEED_OFFLOAD_OPTIMIZER_DEVICE": "cpu"},
            Launch(1, "zero3", True, False, cpu=True),
        ),
    ],
)  # fmt: skip
def test_a_launch_is_read_from_its_environment(
    environment: dict[str, str], expected: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert launch_here() == expected
