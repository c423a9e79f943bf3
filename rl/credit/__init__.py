"""Rewards to advantages: what each rollout of a group is worth beside the others.

Pure: tensors in, tensors out, no model and no trainer. `advantages.py` has the estimators, `estimator.py` the one
that a run uses, with its options and what it remembers.
"""
