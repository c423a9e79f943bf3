"""An example of each command, which its `--help` opens with."""

from __future__ import annotations

from collections.abc import Mapping

EXAMPLES: Mapping[str, str] = {
    "advantages": "lengthwise advantages --estimator dler --rollouts runs/demo/dler",
    "audit": "lengthwise audit --rollouts runs/demo/dler --out audit",
    "benchmarks": "lengthwise benchmarks",
    "budgets": "lengthwise budgets siri-cosine --steps 1920 --plot siri.png",
    "check": "lengthwise check runs/demo/dler",
    "compare": "lengthwise compare runs/demo/dler runs/demo/control --out comparison",
    "data": "lengthwise data problems.jsonl --column answer=solution",
    "demo": "lengthwise demo",
    "doctor": "lengthwise doctor demo-dler",
    "evaluate": "lengthwise evaluate --model demo --data demo --cap 256 --caps 64,128",
    "merge": "lengthwise merge --base demo --trained runs/a/final --out merged",
    "new": "lengthwise new reward short-first",
    "orders": "lengthwise orders easy-to-hard",
    "protocols": "lengthwise protocols",
    "recipes": "lengthwise recipes demo-dler",
    "release": "lengthwise release runs/demo/dler --license apache-2.0 --out released",
    "rewards": "lengthwise rewards hapo",
    "score": "lengthwise score --reward hapo --set mode=mean --rollouts runs/a",
    "serve": "lengthwise serve --model demo --port 8001",
    "sweep": "lengthwise sweep demo-dler budget.tokens=60,80,120 seed=0,1",
    "train": "lengthwise train demo-dler trainer.max_steps=20",
    "verify": "lengthwise verify --cases answers.jsonl --json verdicts.json",
    "watch": "lengthwise watch runs/demo/dler",
    "synth filter": "lengthwise synth filter data/keychain --model demo --out kept.parquet",
    "synth keychain": "lengthwise synth keychain --tokens 16384 --n 1000 --out data/keychain",
    "synth multihop": "lengthwise synth multihop --tokens 16384 --n 1000 --out data/multihop",
    "synth niah": "lengthwise synth niah --tokens 16384 --n 100 --out data/niah",
    "synth show": "lengthwise synth show data/keychain",
    "synth stats": "lengthwise synth stats data/keychain",
    "synth variable-tracking": "lengthwise synth variable-tracking --tokens 4096 --n 9 --out data/vt",
    "synth verify": "lengthwise synth verify data/keychain",
}
"""One of each command, which can be given as it stands."""
