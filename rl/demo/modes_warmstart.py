"""Build the model of two modes: as `warmstart.py`, on traces that choose whether to think.

`python -m rl.demo.modes_warmstart --out DIR` rebuilds, from nothing but a seed, the checkpoint that ships in
`data_synth/modes_model`.
"""

from __future__ import annotations

from data_synth.modes import MARKS, solve
from rl.demo.warmstart import Demonstrator, main

MODES = Demonstrator(solve, MARKS, 448)

if __name__ == "__main__":
    main(MODES, __doc__)
