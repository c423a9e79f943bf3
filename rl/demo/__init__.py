"""`lengthwise demo`, and how its models were made.

`demo.py` trains a method and its control, `result.py` puts them side by side. The models that `data_synth` holds come
from `warmstart.py` (sums), `modes_warmstart.py` (the same in two modes), `dial_warmstart.py` (thoughts as long as asked
for) and `keychain_warmstart.py` (long contexts), which share `supervised.py`; the last begins from the weights of
`wired.py`. No command runs those.

May import run, report and what lies below them.
"""
