"""A round: one generation batch, its scores and its advantages; no model, no TRL. README.md leads through it."""
