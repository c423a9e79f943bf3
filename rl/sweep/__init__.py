"""Several runs: each a process of its own (`processes.py`).

May import what lies below a run. What a run does is behind its process.
"""
