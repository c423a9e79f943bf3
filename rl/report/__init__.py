"""What a person sees of finished runs: a page, plots, a table, and summary.json."""

from rl.report.page import write_comparison, write_run_report
from rl.report.tables import print_run, print_table

__all__ = ["print_run", "print_table", "write_comparison", "write_run_report"]
