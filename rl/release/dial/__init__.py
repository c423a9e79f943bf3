"""The dial of a released model: what its thinking gives at which budget, and how to turn it.

`budgets.py` makes `budgets.json` of measured figures, `serving.py` the settings to paste for what serves models.
`thinking_budget.py` is copied into the release as it stands, and imports nothing of ours.
"""
