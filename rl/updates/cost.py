"""What rows of tokens cost to train, by a model's shape: linear maps by the token, attention by the pair of them."""

from __future__ import annotations

from dataclasses import dataclass

from transformers import PretrainedConfig


@dataclass(frozen=True)
class Cost:
    """In tokens: what one costs that sees nothing is 1. By default attention costs nothing."""

    full: float = 0.0
    """What each token costs that another sees, itself counted, in all layers of full attention."""
    sliding: float = 0.0
    """The same in all layers of a sliding window."""
    window: int = 0
    """Tokens that one sees at most in those."""

    def of(self, tokens: int, before: int = 0) -> float:
        """Of so many tokens of a row, `before` of which come earlier and are seen."""
        end = before + tokens
        seen = _pairs(end) - _pairs(before)
        within = self._windowed(end) - self._windowed(before)
        return tokens + self.full * seen + self.sliding * within

    def _windowed(self, tokens: int) -> int:
        inside = min(tokens, self.window)
        return _pairs(inside) + (tokens - inside) * self.window


BY_TOKEN = Cost()


def cost_of(config: PretrainedConfig, parameters: int) -> Cost:
    """Of a model with so many parameters.

    A token costs 2 operations a weight that it goes through, and for each token that it sees 4 a layer and channel of
    its queries. Of a mixture of experts all weights count, so its attention costs more than is said here.
    """
    text = config.get_text_config()
    heads, window = text.num_attention_heads, getattr(text, "sliding_window", None)
    queries = heads * (getattr(text, "head_dim", None) or text.hidden_size // heads)
    every = "full_attention" if window is None else "sliding_attention"
    kinds = getattr(text, "layer_types", None) or [every] * text.num_hidden_layers
    looked_up = 0 if text.tie_word_embeddings else text.vocab_size * text.hidden_size
    one = 2 * queries / (parameters - looked_up)
    return Cost(kinds.count("full_attention") * one, kinds.count("sliding_attention") * one, window or 0)


def _pairs(tokens: int) -> int:
    """What so many tokens see, each itself and those before it."""
    return tokens * (tokens + 1) // 2
