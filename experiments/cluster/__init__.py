"""Launches on a cluster, and `smoke.py`: what one GPU can prove of the project in ten minutes."""
