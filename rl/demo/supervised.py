"""What the warm starts of the embedded models share: a tokenizer, a small Llama, supervised training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rl.merging.origin import keep
from rl.terminal import say

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
WARM_UP = 50
"""Steps in which `fit` raises its learning rate."""
Example = dict[str, list[dict[str, str]]]
"""A conversational `prompt` and `completion`, as TRL's SFT trainer takes them."""
Ids = tuple[list[int], list[int]]
"""Token ids of a prompt and of what is learned after it."""


def build_tokenizer(  # type: ignore[no-untyped-def]
    texts: Sequence[str], vocabulary: int, words: str = r" ?\p{L}+", marks: Sequence[str] = ("<think>", "</think>")
):
    """A byte-level BPE of at most `vocabulary` tokens, learned from `texts`.

    `words` is the pattern of what no token reaches beyond; numbers, white space and signs stand by themselves. `marks`
    are one token each, and plain ones: what decodes without special tokens keeps them.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(rf"{words}|\d+|\s|[^\s\p{{L}}\d]"), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(marks),
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    bpe.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in marks])
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token="<|endoftext|>",
        eos_token="<|im_end|>",
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=1024,
    )


def build_model(tokenizer, hidden: int = 64, layers: int = 2, seed: int = 0, **options: Any):  # type: ignore[no-untyped-def]
    """An untrained Llama whose heads are 32 wide, the least that paged-attention kernels serve."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=hidden,
            intermediate_size=3 * hidden,
            num_hidden_layers=layers,
            num_attention_heads=hidden // 32,
            num_key_value_heads=hidden // 32,
            max_position_embeddings=1024,
            tie_word_embeddings=True,
            initializer_range=0.1,  # about 1/sqrt(hidden); the usual 0.02 learns this task ten times slower
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            **options,
        )
    )


def fine_tune(  # type: ignore[no-untyped-def]
    model, tokenizer, examples: Sequence[Example], out: Path, epochs: float, batch: int, learning_rate: float, seed: int
) -> None:
    """Train `model` on the completions of `examples` with TRL's SFT trainer.

    Batches are drawn at random: the loss is a mean over the tokens of a batch, so batches of equal
    length would count the tokens of short traces several times over, and the model would learn to
    check far less often than its demonstrator.
    """
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    config = SFTConfig(
        output_dir=str(out),
        per_device_train_batch_size=batch,
        num_train_epochs=epochs,
        learning_rate=learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=100,
        weight_decay=0.01,
        adam_beta2=0.98,
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=True,
        max_length=512,
        save_strategy="no",
        report_to=[],
        logging_steps=50,
        disable_tqdm=True,
        seed=seed,
    )
    dataset = Dataset.from_list(list(examples))
    SFTTrainer(model=model, args=config, train_dataset=dataset, processing_class=tokenizer).train()


def fit(  # type: ignore[no-untyped-def]
    model, examples: Sequence[Ids], batch: int, learning_rate: float, fall: bool = True
) -> None:
    """Train `model` on examples in the order given, a few at a time and nothing kept.

    The least that training takes: on prompts of hundreds of tokens and completions of tens, heads for the
    completions only, and no measuring, make a step three times as fast as `fine_tune`'s. `fall`: the learning rate
    falls to zero along a cosine, else it stays.
    """
    import torch
    from torch.nn.functional import cross_entropy

    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    steps = len(examples) // batch
    model.train()
    for step in range(steps):
        part = examples[step * batch : (step + 1) * batch]
        ids = torch.zeros(batch, max(len(p) + len(c) for p, c in part), dtype=torch.long)
        learned = torch.zeros_like(ids, dtype=torch.bool)
        for row, (prompt, completion) in enumerate(part):
            end = len(prompt) + len(completion)
            ids[row, :end] = torch.tensor(prompt + completion)
            learned[row, len(prompt) : end] = True
        rate = learning_rate * min(1.0, (step + 1) / WARM_UP)
        optimizer.param_groups[0]["lr"] = rate * (1 + math.cos(math.pi * step / steps)) / 2 if fall else rate
        hidden = model.model(ids).last_hidden_state[:, :-1][learned[:, 1:]]
        loss = cross_entropy(model.lm_head(hidden), ids[:, 1:][learned[:, 1:]])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % 100 == 0:
            say(f"step {step + 1} of {steps}: loss {loss.item():.3f}")


def save(model, tokenizer, out: Path) -> None:  # type: ignore[no-untyped-def]
    """An ordinary Hugging Face directory."""
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    keep(None, out)
