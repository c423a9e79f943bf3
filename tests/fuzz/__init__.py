"""Damaged files and options thrown at every command: an end or one clear line, never a traceback.

`seeds.py` makes small good files, `damage.py` spoils one of them, `plays.py` says which command reads it, `player.py`
says how one ended. By hand: `PYTHONPATH=tests python -m fuzz --plays 5000 --seed 1`.
"""
