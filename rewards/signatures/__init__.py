"""Functions that were written for other trainers, as judges and rewards.

`forms.py` tells whose a function is and calls it as its trainer does; `traces.py` makes the task and trace that
verifiers shows to its own.
"""

from rewards.signatures.forms import (
    TRACED,
    TRL_PARAMETERS,
    VERIFIERS,
    Form,
    Sample,
    foreign,
    needed,
    own_weight,
    required,
    turns,
)

__all__ = [
    "TRACED",
    "TRL_PARAMETERS",
    "VERIFIERS",
    "Form",
    "Sample",
    "foreign",
    "needed",
    "own_weight",
    "required",
    "turns",
]
