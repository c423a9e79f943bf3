"""Problems to train on: the demo's arithmetic task, and long-context synthesis. Knows no trainer."""
