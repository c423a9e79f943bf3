"""Problems to train on: the demo's arithmetic task, and long-context synthesis. Knows no trainer.

`arithmetic.py` and `keychain_demo.py` are the embedded tasks, `modes.py` has other traces of the first. `shards.py`
builds long contexts of a task (`keychain.py`, `niah.py`, `multihop.py`, `variables.py`) from `sources/`, and `check/`
judges the file, sharing no code with what built it.
"""
