"""Run under torchrun: each rank has a row of its own; rank 0 writes how far DDP's gradient is from the ordinary one."""

import copy
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from transformers import LlamaConfig, LlamaForCausalLM
from trl.trainer.utils import add_fused_lm_head

from rl.updates.chunked import chunk_sequence

dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(0)
config = LlamaConfig(vocab_size=61, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4)
model = LlamaForCausalLM(config).train()
ordinary = copy.deepcopy(model)
for each in (model, ordinary):
    add_fused_lm_head(each)
chunk_sequence(model, 5)
rows = torch.randint(0, 61, (2, 24))
wrapped = DistributedDataParallel(model)
wrapped(input_ids=rows[rank : rank + 1], labels=rows[rank : rank + 1], fused_lm_head=True).log_probs.sum().backward()
for row in rows:
    (ordinary(input_ids=row[None], labels=row[None], fused_lm_head=True).log_probs.sum() / 2).backward()
pairs = [(a.grad, b.grad) for a, b in zip(model.parameters(), ordinary.parameters(), strict=True)]
error = max(((a - b).norm() / b.norm()).item() for a, b in pairs if a is not None and b is not None)
if rank == 0:
    Path(sys.argv[1]).write_text(f"{dist.get_world_size()} {len(pairs)} {error}")
dist.destroy_process_group()
