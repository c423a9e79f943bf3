"""`accelerate launch -m rl.train RECIPE`: on every rank what `lengthwise train RECIPE` is on one machine.

What happens is `rl.run.train`.
"""

import sys

from rl.cli import run_command

if __name__ == "__main__":
    run_command(["train", *sys.argv[1:]])
