"""How long a run takes by when its rounds close, simulated."""
