"""The gradient: which rollouts go through the model in which micro-batch, so that it is the plain loop's.

`packing.py` plans, in plain Python; `packer.py` makes this rank's tensors by it. README.md leads through the rest.
"""
