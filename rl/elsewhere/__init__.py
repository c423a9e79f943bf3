"""Our methods on rollouts that were made elsewhere: in logged files, or by other trainers.

`rollout_files.py` says what a file of logged rollouts holds, `own_logs.py` makes the same of what a run of ours wrote,
`logs/` of what other tools did: `known.py` tells whose a file is, `completed.py` adds what it does not say.
`offline.py` scores it and draws schedules, without a model; `trl_reward.py` puts our rewards into a stock
`trl.GRPOTrainer`, and `trl_columns.py` reads what that tells it, `golds.py` its gold answers. `groups/` makes whole
groups of what any trainer tells, `trainers/` has the adapters, a module a trainer.

May import rounds, problems, folders, recipe, credit and what lies below them; not our trainer.
"""
