"""The gradient: which rollouts go through the model in which micro-batch, so that it is the plain loop's.

`packing.py` plans, in plain Python; `packed_round.py` makes a round's tensors of the plan, `packer.py` the batches that
the trainer takes. `chunked/` takes long completions through the model a piece at a time.
"""
