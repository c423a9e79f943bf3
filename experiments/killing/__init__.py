"""Commands ended at random moments and begun again, and whether that can be seen in what they wrote.

`processes.py` starts and ends them, `same.py` compares runs and folders, `damage.py` harms a file, `others.py` has the
commands that are no training.
"""
