"""Training: a recipe from its first line to its report, or the trainer by itself. Brings torch and TRL."""

from lengthwise import refuse_shadows

refuse_shadows("rl")

from rl.folders.run import RunFolder
from rl.models import load_model, load_tokenizer, resolve_model
from rl.recipe.config import LengthGRPOConfig
from rl.run.dry_run import DryRun, dry_run
from rl.run.train import train
from rl.trainer.trainer import LengthGRPOTrainer

__all__ = [
    "DryRun",
    "LengthGRPOConfig",
    "LengthGRPOTrainer",
    "RunFolder",
    "dry_run",
    "load_model",
    "load_tokenizer",
    "resolve_model",
    "train",
]
