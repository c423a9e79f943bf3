"""The demo, and how the two models that are embedded in `data_synth` were made.

`demo.py` trains the demo's recipes side by side, each in a process of its own. `warmstart.py` and
`keychain_warmstart.py` build the models it starts from: a small Llama (`wired.py`: one that can copy) under
supervised training (`supervised.py`).
"""
