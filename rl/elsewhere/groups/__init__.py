"""Whole groups and their rewards out of what a trainer tells, whoever it is.

`method.py` reads what a user names, in a recipe's words; `told.py` is what a trainer tells of its rollouts, `host.py`
what its hooks can, and what is refused there. `scorer.py` makes of these the groups and their rewards, `tally.py`
counts whom nobody judged, `advantages.py` makes advantages, `history_file.py` keeps what rewards remember, `barrier.py`
has siblings that come one by one wait for one another. Only `advantages.py` imports torch.
"""
