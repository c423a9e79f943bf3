"""Launches: how a run is spread over ranks.

`configuration.py` reads what an accelerate configuration says of it, for estimates; `check.py` refuses a launch that
has come up with fewer ranks, or other shards, than it was asked for.
"""
