"""What `accelerate launch` tells its ranks of a configuration file."""

from __future__ import annotations

from pathlib import Path

from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils.launch import prepare_multi_gpu_env
from places import ROOT

CLUSTER = ROOT / "experiments/cluster"


def launch_environment(file: Path) -> dict[str, str]:
    """Its environment variables, in float32: a CPU's bf16 rounds otherwise on one rank than on two."""
    command = ["--config_file", str(file), "--main_process_port", "0", "-m", "rl.train"]
    arguments, _, _ = _validate_launch_command(launch_command_parser().parse_args(command))
    told = prepare_multi_gpu_env(arguments)
    own = {name: value for name, value in told.items() if name.startswith(("ACCELERATE_", "FSDP_"))}
    return own | {"ACCELERATE_MIXED_PRECISION": "no"}
