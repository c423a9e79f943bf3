"""Logs of other tools, one a file: how each is told by its columns, and what its rows are as lines of rollouts.

Read `row.py` (a row, and what a format is), then any other. A line is what `rl.elsewhere.rollout_files` describes, but
`length`, `correct` and `stop` may be missing: `rl.elsewhere.completed` adds what a log does not say.
"""
