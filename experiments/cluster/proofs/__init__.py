"""The steps of `experiments/cluster/smoke.py`, one a file, each run in a process of its own."""
