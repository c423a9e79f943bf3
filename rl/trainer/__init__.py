"""The trainer: TRL's `GRPOTrainer` with budgets, judged rollouts and checkpoints that a run goes on from.

Begin with `trainer.py`. What TRL is relied on for is held by tests/rl/trainer/test_trl_contract.py.
"""
