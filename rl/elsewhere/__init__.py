"""Our rewards away from our trainer: on logged rollouts, and in other trainers.

`offline.py` scores files that `rollout_files.py` reads, and draws schedules; neither needs a model. `trl_reward.py`
puts a reward into a stock `trl.GRPOTrainer`, without importing TRL.
"""
