"""Long completions in bounded memory: an exact backward pass, one chunk of the sequence at a time.

Checkpointing keeps the input of every decoder layer and recomputes one whole layer at a time; on long
sequences that layer, and the projection to the vocabulary, are what does not fit. Here both run chunk
by chunk, forward and backward, so that beside the layer inputs only one layer's keys and values and
one chunk's activations are alive. The gradient is the ordinary one: the chain rule, split along the
sequence. The idea is that of StreamBP (arXiv 2506.03077, section 3.2) and SeCO (arXiv 2505.16710).
"""

from rl.updates.chunked.model import PROVEN, chunk_sequence, require_proven

__all__ = ["PROVEN", "chunk_sequence", "require_proven"]
