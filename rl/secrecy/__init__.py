"""Secrets stay in the environment, and go to nobody who was not named.

`forms.py` knows one where it sees it, `refused.py` keeps them out of recipes, `environment.py` reads those that
options and workers are given by name, `hosts.py` says where a key may go, `scan.py` looks at what is about to leave the
machine.
"""

from rl.secrecy.environment import key_of, with_environment
from rl.secrecy.forms import clean, is_secret, is_secret_name, without_secrets
from rl.secrecy.hosts import Granted, require_address
from rl.secrecy.refused import require_no_secrets
from rl.secrecy.scan import require_nothing_secret

__all__ = [
    "Granted",
    "clean",
    "is_secret",
    "is_secret_name",
    "key_of",
    "require_address",
    "require_no_secrets",
    "require_nothing_secret",
    "with_environment",
    "without_secrets",
]
