"""The commands about methods, which need no model.

`new` begins a method; `rewards`, `budgets` and `advantages` list and compute, `score` and `verify` judge what was
logged. `listing.py` has what they share: every plug-in of a kind, with its parameters and source; `lists.py` lists what
is no method: recipes, orders, protocols, benchmarks.
"""
