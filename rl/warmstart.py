"""Build the demo model: a tokenizer, a small Llama, and supervised training on overthinking traces.

`python -m rl.warmstart --out DIR` rebuilds, from nothing but a seed, the checkpoint that ships in
`data_synth/demo_model`: an ordinary Hugging Face directory of about half a megabyte.
"""

from __future__ import annotations

import argparse
import os
import random
from itertools import islice
from pathlib import Path

from data_synth.arithmetic import solve, sums

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
VOCABULARY = 416  # tokens at most: every word of the traces, and the numbers met most often


def traces(n: int, seed: int) -> list[dict[str, list[dict[str, str]]]]:
    """`n` demonstrations on training problems, as conversational prompt and completion.

    Every other prompt names a number of tokens that the demonstrator pays no heed to: a model that
    has never seen such words would be lost by them, and could not be taught to keep to a budget.
    """
    rng, remarks = random.Random(f"{seed}/traces"), random.Random(f"{seed}/remarks")
    return [
        {
            "prompt": [{"role": "user", "content": f"{problem}=?{_remark(remarks)}"}],
            "completion": [{"role": "assistant", "content": solve(problem, rng)}],
        }
        for problem in islice(sums("train", seed), n)
    ]


def _remark(rng: random.Random) -> str:
    return f" ({rng.randint(10, 250)} tokens)" if rng.random() < 0.5 else ""


def build_tokenizer(texts: list[str]):  # type: ignore[no-untyped-def]
    """A byte-level BPE that holds each number and each frequent word of `texts` in one token."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r" ?\p{L}+|\d+|\s|[^\s\p{L}\d]"), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - 2,
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    bpe.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in ("<think>", "</think>")])
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token="<|endoftext|>",
        eos_token="<|im_end|>",
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=1024,
    )


def build_model(tokenizer, hidden: int = 64, layers: int = 2, seed: int = 0):  # type: ignore[no-untyped-def]
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
        )
    )


def warm_start(
    out: Path,
    examples: int = 30_000,
    epochs: float = 1.0,
    batch: int = 16,
    hidden: int = 64,
    layers: int = 2,
    learning_rate: float = 3e-3,
    seed: int = 0,
) -> None:
    """Train a fresh model on `examples` traces and save it, tokenizer included, to `out`.

    Batches are drawn at random: the loss is a mean over the tokens of a batch, so batches of equal
    length would count the tokens of short traces several times over, and the model would learn to
    check far less often than its demonstrator.
    """
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    shown = traces(5000, seed)
    tokenizer = build_tokenizer([t["prompt"][0]["content"] + t["completion"][0]["content"] for t in shown])
    trainer = SFTTrainer(
        model=build_model(tokenizer, hidden, layers, seed),
        args=SFTConfig(
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
        ),
        train_dataset=Dataset.from_list(traces(examples, seed)),
        processing_class=tokenizer,
    )
    trainer.train()
    trainer.model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--examples", type=int, default=30_000)
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    warm_start(args.out, args.examples, args.epochs, hidden=args.hidden, layers=args.layers, seed=args.seed)


if __name__ == "__main__":
    main()
