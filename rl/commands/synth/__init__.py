"""The commands of `lengthwise synth`: `build.py` makes rows, with `options.py`; the others read them, with `rows.py`.

What they do is `data_synth` and, where a model or a terminal is needed, `rl.synth`. `app.py` puts them together.
"""
