"""How accuracy depends on the number of reasoning steps, and what RL makes of it: "When More is Less"."""
