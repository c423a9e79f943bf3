"""How a run is spread over ranks: what the launcher was told (`configuration.py`), and what it started (`check.py`).

May import nothing of ours but errors and ranks.
"""
