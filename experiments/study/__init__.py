"""Every method on one footing: a grid of runs, their small result files, and a report that only says what they show."""
