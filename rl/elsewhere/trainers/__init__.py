"""Our rewards and estimators within the trainers of others, a module a trainer; docs/trainers/ has a page for each.

Each turns what a hook hands over into what `rl.elsewhere.groups` takes, and gives back what the trainer expects.
`verl.py` and `openrlhf.py` have siblings wait for one another, as does `areal.py`; `slime.py`, `skyrl.py`,
`nemo_rl.py`, `tinker.py` and `prime_rl.py` are handed whole groups, `ms_swift.py` gathers them. `verl_advantage.py` is
verl's estimator.
"""
