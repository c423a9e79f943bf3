"""`lengthwise synth`: what is done with long-context problems once `data_synth` has built them.

`show.py` and `plots.py` make them visible; `filter.py` keeps those that a model solves sometimes, asked by an engine of
ours (`local.py`) or over HTTP (`endpoint.py`).
"""
