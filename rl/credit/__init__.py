"""Credit: rewards become advantages, one estimator a file.

Read `calling/types.py` (what an estimator is), then `group.py` (the smallest of use) and the others beside it, which
share what is in `within/`; then `calling/load.py` (a recipe's name and options to an estimator), `calling/estimator.py`
(the one of a run: tried before training, its results checked, its memory kept) and `calling/tokens.py` (advantages of
tokens). A file here is found by its class's `name`; nothing lists it.
"""
