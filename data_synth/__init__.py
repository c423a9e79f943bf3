"""Problems to train on: the demo's arithmetic task. Knows no trainer."""
