"""Which command reads which file, and which takes which option."""

from __future__ import annotations

from dataclasses import dataclass

from fuzz.seeds import EVALUATE


@dataclass(frozen=True)
class Play:
    """A command line whose file, or whose option, is spoilt."""

    line: str
    file: str | None = None
    """The file that is damaged; None: the text `?` in the line is."""
    weight: int = 4
    """How often it is played beside the others."""

    @property
    def name(self) -> str:
        return f"{self.line.split()[0]} · {self.file or 'option'}"


RUN = ("recipe.yaml", "metrics.jsonl", "alarms.jsonl", "report/summary.json", "evaluation/after.parquet",
       "evaluation/checkpoint-2.parquet", "rollouts/round-000001.parquet")  # fmt: skip
ROUND = "run/rollouts/round-000001.parquet"
MODEL = ("config.json", "tokenizer_config.json", "tokenizer.json", "generation_config.json", "chat_template.jinja",
         "model.safetensors")  # fmt: skip
DRY = "train recipe.yaml --dry-run --json out/o.json"

PLAYS = [
    *(Play(f"data problems.{kind} --json out/o.json", f"problems.{kind}") for kind in ("jsonl", "json", "csv")),
    Play("data recipe.yaml --json out/o.json", "recipe.yaml"),
    *(Play(f"{what} --rollouts {file} --json out/o.json", file)
      for what in ("score --reward hapo", "score --reward truncation", "advantages --estimator dler")
      for file in ("rollouts.jsonl", ROUND)),
    Play("score --reward hapo --rollouts rollouts.jsonl --history history.json --json out/o.json", "history.json"),
    *(Play(f"verify --cases {file} --quiet --json out/o.json", file) for file in ("cases.jsonl", ROUND)),
    *(Play("watch run --once", f"run/{file}") for file in RUN),
    *(Play("compare run other --out out/page --json out/o.json", f"run/{file}", 1) for file in RUN),
    *(Play("release run --out out/released --license mit --evaluation figures.json --json out/o.json", f"run/{file}", 1)
      for file in (*RUN, *(f"final/{name}" for name in MODEL))),
    Play("release run --out out/released --license mit --evaluation figures.json --json out/o.json", "figures.json"),
    Play(EVALUATE.replace("figures.json", "out/o.json"), "answers.parquet", 8),
    *(Play("merge --base base --trained trained --out out/merged --json out/o.json", f"trained/{name}", 2)
      for name in MODEL),
    *(Play(f"synth {what} synth.{kind}", f"synth.{kind}") for what in ("show", "stats", "verify")
      for kind in ("parquet", "jsonl")),
    Play(DRY, "recipe.yaml", 12),
    Play(DRY, "problems.jsonl"),
    Play(f"{DRY} --rates rates.yaml", "rates.yaml"),
    Play(f"{DRY} --launch launch.yaml", "launch.yaml"),
    *(Play(f"{DRY} model=base", f"base/{name}", 2) for name in MODEL[:5]),
    *(Play(f"{DRY} {option}=?") for option in (
        "trainer.max_steps", "trainer.learning_rate", "trainer.optim", "trainer.report_to", "trainer.temperature", "name",
        "budget.initial", "rewards", "batch.groups", "evaluation.budget", "verifier.strict", "data.train.source", "model")),
    *(Play(f"score --reward hapo --rollouts rollouts.jsonl --set {option}=? --json out/o.json")
      for option in ("w", "mode", "c", "λ")),
    Play("score --reward ? --rollouts rollouts.jsonl --json out/o.json"),
    Play("score --reward hapo --rollouts ? --json out/o.json"),
    Play("advantages --estimator dler --rollouts rollouts.jsonl --set ?=? --json out/o.json"),
    *(Play(f"budgets linear --set initial=40 --set final=? --steps {steps} --json out/o.json") for steps in ("8", "?")),
    Play("verify --cases cases.jsonl --set strict=? --quiet"),
    Play("verify --cases cases.jsonl --set seconds=? --quiet"),
    Play("data ? --json out/o.json"),
    Play("data problems.jsonl --column answer=? --json out/o.json"),
    Play("watch ? --once"),
    Play("compare run ? --out out/page"),
    Play("compare run other --out out/page --reference ?"),
    Play("release run --out out/? --license ? --caps ?"),
    Play("merge --base base --trained trained --out out/merged --keep ?"),
    Play("synth show synth.parquet --row ?"),
    Play("synth keychain --out out/rows --n ? --tokens ?"),
    Play("rewards ?"),
    Play("?"),
]  # fmt: skip
