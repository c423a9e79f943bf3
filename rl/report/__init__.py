"""What a person sees of finished runs: one page over any number of them, plots for papers, a table, the numbers."""

from rl.report.folder import print_run, write_run_report

__all__ = ["print_run", "write_run_report"]
