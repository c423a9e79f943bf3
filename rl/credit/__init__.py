"""Credit: rewards become advantages, one estimator a file.

Read `types.py` (what an estimator is), then `group.py` (the smallest of use) and the others beside it, which share
`within_groups.py`; then `load.py` (a recipe's name and options to an estimator) and `estimator.py` (the one of a run:
tried before training, its results checked, its memory kept). A file here is found by its class's `name`; nothing lists
it. This room imports torch, `rl.plugins` and `rl.errors`, and nothing else of `rl`.
"""
