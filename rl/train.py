"""`accelerate launch -m rl.train RECIPE`: on every rank what `lengthwise train RECIPE` is on one machine.

What happens is `rl.run.train`.
"""

import signal
import sys

if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # until the run hears it: what is imported takes seconds
    from rl.cli import run_command

    run_command(["train", *sys.argv[1:]])
