"""What a person sees of finished runs: one page over any number of them, plots for papers, a table, the numbers.

Runs are read (`runs.py`, `training.py`, `answers.py`), made into figures (`pareto.py`, `page/figures.py`), and written
by `folder.py`, which is the way through; `page/` makes the page, `plots.py` the pictures, `tables.py` the tables.

May import evaluation, folders, recipe and what lies below them: it reads a run's files, and trains nothing.
"""

from rl.report.folder import print_run, write_diverged, write_run_report

__all__ = ["print_run", "write_diverged", "write_run_report"]
