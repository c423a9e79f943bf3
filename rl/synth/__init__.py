"""What `lengthwise synth` needs beside `data_synth`: a model, plots, a terminal. Rows are built and checked there.

`filter.py` keeps the rows that a model solves sometimes; read it first. The model answers from a server (`endpoint.py`)
or on this machine (`local.py`). `show.py` is one row for a reader, `plots.py` what `stats` draws.

May import `data_synth`, evaluation, rounds, rollouts and what lies below them; nothing of training.
"""
