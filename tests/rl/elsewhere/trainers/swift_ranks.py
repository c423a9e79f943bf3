"""Two ranks of ms-swift with the rollouts of one prompt on both, two steps; each writes what it is given into the folder named."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

from rl.elsewhere.trainers.ms_swift import Lengthwise
from rl.models import load_tokenizer, resolve_model
from rl.ranks import launched

rank = launched().process_index
tokenizer = load_tokenizer(resolve_model("demo"))
function = Lengthwise()
written = [[("p", "2"), ("q", "2+0")], [("p", "3"), ("q", "2"), ("p", "2+0+0")]][rank]
ids = [
    [*tokenizer(f"<think>1</think>\\boxed{{{answer}}}")["input_ids"], tokenizer.eos_token_id] for _, answer in written
]
texts = tokenizer.batch_decode(ids, skip_special_tokens=True)
given = []
for step in (1, 2):
    found = function(
        texts,
        trainer_state=SimpleNamespace(global_step=step),
        prompt_id=[name for name, _ in written],
        messages=[[{"role": "user", "content": "1+1=?"}, {"role": "assistant", "content": text}] for text in texts],
        response_token_ids=ids,
        is_truncated=[False] * len(ids),
        solution=["2"] * len(ids),
    )
    given.append(found)
Path(sys.argv[1], f"{rank}.json").write_text(json.dumps(given))
