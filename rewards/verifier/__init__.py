"""Is the answer right? Verifiers behind one interface; the one for mathematics is the default.

`reading` says what counts as the answer. `latex` reads it by the grammar of `grammar/`, and `comparison/` says what is
equal: `quick` settles most in microseconds, `full` is the whole check, with math-verify (`stock`) for what the grammar
does not hold; `workers` and `zygote` run it where it can be killed.
"""

from rewards.verifier.base import Isolated, Verifier
from rewards.verifier.mathematics import MathVerifier
from rewards.verifier.reading import Reading, boxed_answer

__all__ = ["Isolated", "MathVerifier", "Reading", "Verifier", "boxed_answer"]
