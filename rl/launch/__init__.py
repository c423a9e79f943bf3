"""How a run is spread over ranks: what the launcher was told (`configuration.py`), and what it started (`check.py`);
which device a process takes that nobody launched (`devices.py`).

May import nothing of ours but errors, ranks, reading and the terminal.
"""
