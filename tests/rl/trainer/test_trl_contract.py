"""What we rely on inside TRL 1.16. A failure here says what an upgrade changed."""

import inspect
import re
from importlib.metadata import version

import pytest
import torch
from accelerate import Accelerator, ParallelismConfig
from accelerate.commands.launch import launch_command_parser
from accelerate.state import AcceleratorState
from torch.distributed.launcher import api as launcher
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase, Trainer
from transformers.integrations import deepspeed
from transformers.masking_utils import create_causal_mask
from transformers.modeling_utils import is_fsdp_enabled
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR
from trl import GRPOConfig, GRPOTrainer
from trl.models import prepare_fsdp, unwrap_model_for_generation
from trl.trainer.utils import add_fused_lm_head

from rewards import Problem
from rl.estimates.activations import TILE_TOKENS, TILE_WORDS
from rl.evaluation import encode_prompts
from rl.evaluation.sampling import end_ids
from rl.trainer.trainer import LengthGRPOTrainer
from rl.updates.chunked.attention import NAME
from rl.updates.chunked.model import _Head

SIGNATURES = {
    "_generate_and_score_completions": ["self", "inputs"],
    "_generate": ["self", "prompts"],
    "_generate_single_turn": [
        "self", "prompt_ids", "images", "multimodal_fields", "num_generations", "has_tool_images",
    ],
    "_calculate_rewards": ["self", "inputs", "prompts", "completions", "completion_ids_list"],
    "_tokenize_prompts": ["self", "prompts"],
    "training_step": ["self", "model", "inputs", "num_items_in_batch"],
    "_prepare_inputs": ["self", "generation_batch"],
    "_compute_loss": ["self", "model", "inputs"],
    "_save_checkpoint": ["self", "model", "trial"],
    "_load_optimizer_and_scheduler": ["self", "checkpoint"],
    "_load_from_checkpoint": ["self", "resume_from_checkpoint", "model"],
    "_save_optimizer_and_scheduler": ["self", "output_dir"],
    "_get_output_dir": ["self", "trial"],
    "_run_epoch": [
        "self", "model", "epoch", "train_dataloader", "steps_in_epoch", "num_update_steps_per_epoch", "trial",
        "ignore_keys_for_eval", "start_time", "resume_from_checkpoint", "epochs_trained",
        "steps_trained_in_current_epoch",
    ],
}  # fmt: skip


def test_the_version_is_the_one_this_was_read_from() -> None:
    assert version("trl").startswith("1.16."), "read the new TRL against tests/rl/trainer/test_trl_contract.py first"


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_methods_we_override_or_call_have_their_signatures(name: str) -> None:
    assert list(inspect.signature(getattr(GRPOTrainer, name)).parameters) == SIGNATURES[name]


def test_the_round_goes_through_the_methods_we_override() -> None:
    source = inspect.getsource(GRPOTrainer._generate_and_score_completions)
    assert "self._generate(prompts)" in source
    assert "self._calculate_rewards(" in source
    assert "self._generate_single_turn(" in inspect.getsource(GRPOTrainer._generate)
    assert "self._generate_and_score_completions(generation_batch)" in inspect.getsource(GRPOTrainer._prepare_inputs)


def test_what_completions_say_is_for_trls_table_of_them_and_for_reward_functions_only() -> None:
    generate = inspect.getsource(GRPOTrainer._generate)
    assert generate.count("self.processing_class.batch_decode(completion_ids") == generate.count("batch_decode(") == 2
    read = re.findall(r".*\bcompletions\b.*", inspect.getsource(GRPOTrainer._generate_and_score_completions))
    assert [line.strip() for line in read if not line.strip().startswith("#") and '"completions' not in line][1:] == [
        "rewards_per_func = self._calculate_rewards(inputs, prompts, completions, completion_ids_list)",
        'self._logs["completion"].extend(gather_object(completions))',
    ]
    assert inspect.getsource(GRPOTrainer.log).index("self.log_completions") < inspect.getsource(GRPOTrainer.log).index(
        'self._logs["completion"]'
    )


def test_a_packed_update_passes_through_the_trainers_as_it_expects_to() -> None:
    step = inspect.getsource(GRPOTrainer.training_step)
    assert "super().training_step(model, inputs, num_items_in_batch)" in step, (
        "TRL's step no longer wraps transformers'"
    )
    assert "self._step += 1" in step, "TRL counts micro-steps elsewhere"
    assert "_current_train_step_time" in step, "TRL times steps elsewhere"
    assert "inputs = self._prepare_inputs(inputs)" in inspect.getsource(Trainer.training_step)
    epoch = inspect.getsource(Trainer._run_epoch)
    assert "gradient_state._set_sync_gradients(do_sync_step)" in epoch, (
        "transformers marks an update's last step otherwise"
    )
    assert "sync_each_batch" in epoch
    assert "self.accelerator.no_sync, model=model" in epoch
    backward = inspect.getsource(Accelerator.backward)
    assert "sync_gradients=self.sync_gradients" in backward, "DeepSpeed learns of an update's last step otherwise"


def test_the_log_probs_of_a_round_are_asked_for_in_the_order_in_which_we_hand_them_out() -> None:
    source = inspect.getsource(GRPOTrainer._generate_and_score_completions)
    old, *others = [m.start() for m in re.finditer(r"self\._get_per_token_logps_and_entropies\(", source)]
    assert len(others) == 2, "TRL asks for other log-probs than those of the old policy and of the reference"
    assert source.index("old_per_token_logps, _, _ =") < old < others[0]
    accepted = list(inspect.signature(GRPOTrainer._get_per_token_logps_and_entropies).parameters)
    assert accepted[:5] == ["self", "model", "input_ids", "attention_mask", "logits_to_keep"]


def test_the_correction_of_rollouts_acts_where_use_vllm_is_said_and_needs_nothing_else_of_vllm() -> None:
    condition = "self.use_vllm and self.vllm_importance_sampling_correction"
    source = inspect.getsource(GRPOTrainer._generate_and_score_completions)
    assert source.count("use_vllm") == source.count(condition) == 4, "TRL asks use_vllm for something else"
    assert "torch.nan_to_num(per_token_logps_diff, nan=0.0)" in source, "a token without log-prob may have a ratio"
    for name in ("importance_sampling_ratio", "sampling_per_token_logps"):
        assert f'output["{name}"]' in source, f"rl.updates.correction carries {name}"
    loss = inspect.getsource(GRPOTrainer._compute_loss)
    assert loss.count("use_vllm") == loss.count(condition) == 1
    generate = inspect.getsource(GRPOTrainer._generate)
    assert generate.count("use_vllm") == 1
    assert generate.index("if self.rollout_func is not None") < generate.index("use_vllm") < generate.index("else:")


def test_losses_divide_by_what_packing_thinks_they_divide_by() -> None:
    source = inspect.getsource(GRPOTrainer._compute_loss)
    compared = set(re.findall(r'"(\w+)"', " ".join(re.findall(r"self\.loss_type (?:==|in) (.*?):", source))))
    assert compared == {"grpo", "sapo", "bnpo", "dr_grpo", "cispo", "dapo", "vespo", "luspo"}, "TRL has another loss"
    assert 'inputs["num_items_in_batch"].clamp(min=1.0) / self.accelerator.num_processes' in source
    used = set(re.findall(r"self\.accelerator\.(\w+)", source))
    known = {"num_processes", "sync_gradients", "gather", "reduce", "gather_for_metrics"}
    assert used == known, "TRL's loss exchanges something between ranks that OneRank would keep"
    assert "self.accelerator.gather(policy_loss)" in source
    assert source.count("self.accelerator.gather(") == 3, "TRL gathers more than metrics"
    assert source.count("self.accelerator.reduce(") == 2, "TRL reduces more than metrics and adaptive entropy"
    assert "accumulation_factor" in source, "the entropy bonus is scaled otherwise"


def test_what_no_model_sampled_is_left_out_everywhere_by_a_mask_that_generation_returns() -> None:
    generate = inspect.getsource(GRPOTrainer._generate)
    assert "return prompt_ids, completion_ids, tool_mask, completions, logprobs, extra_fields, images" in generate
    score = inspect.getsource(GRPOTrainer._generate_and_score_completions)
    assert in_order(score, "prompt_ids_list,", "completion_ids_list,", "tool_mask_list,", "= self._generate(prompts)")
    assert "tool_mask = [torch.tensor(mask) for mask in tool_mask_list]" in score
    masked = "completion_mask if tool_mask is None else completion_mask * tool_mask"
    assert f"loss_mask = {masked}\n        num_items_in_batch = " in score, "tokens in the loss are counted otherwise"
    assert f"mask = {masked}\n                per_token_logps_diff = (" in score, "the correction looks at all tokens"
    assert 'output["tool_mask"] = tool_mask' in score
    loss = inspect.getsource(GRPOTrainer._compute_loss)
    assert 'completion_mask if "tool_mask" not in inputs else completion_mask * inputs["tool_mask"]' in loss
    assert len(re.findall(r"\bcompletion_mask\b", loss)) == 5, "TRL's loss looks at tokens that are not in it"


def test_truncated_is_what_does_not_end_with_an_end_token() -> None:
    score = inspect.getsource(GRPOTrainer._generate_and_score_completions)
    assert "eos_and_pad = [*self.eos_token_ids, self._tokenizer.pad_token_id]" in score
    assert "is_truncated = torch.tensor([ids[-1] not in eos_and_pad for ids in completion_ids_list]" in score


def test_losses_take_advantages_of_tokens_and_read_them_after_the_log_probs() -> None:
    source = inspect.getsource(GRPOTrainer._compute_loss)
    assert "if advantages.dim() == 1:\n            advantages = advantages.unsqueeze(1)" in source
    assert in_order(source, "self._get_per_token_logps_and_entropies(", 'advantages = inputs["advantages"]'), (
        "rl.updates.kl_cov"
    )
    assert source.count('inputs["advantages"]') == 1
    assert "coef_2 = torch.clamp(coef_1, 1 - self.epsilon_low, 1 + self.epsilon_high)" in source, (
        "kl_cov unclips by these"
    )
    assert "per_token_loss = -torch.min(per_token_loss1, per_token_loss2)" in source


def test_unwrapping_for_generation_takes_the_arguments_we_pass() -> None:
    accepted = inspect.signature(unwrap_model_for_generation).parameters
    assert {"gather_deepspeed3_params", "gradient_checkpointing_kwargs"} <= set(accepted)


def test_the_trainer_has_the_attributes_we_read(make_trainer) -> None:  # type: ignore[no-untyped-def]
    trainer: LengthGRPOTrainer = make_trainer()
    for name in ("eos_token_ids", "reward_weights", "num_generations", "temperature", "top_p", "top_k", "min_p"):
        assert hasattr(trainer, name), f"GRPOTrainer lost {name}"
    assert trainer._logs["advantages"].maxlen == trainer.args.generation_batch_size
    assert trainer._metrics["train"] == {}
    assert torch.equal(trainer.reward_weights, torch.ones(1))


def test_evaluation_encodes_prompts_as_the_trainer_does(
    make_trainer,
    tokenizer: PreTrainedTokenizerBase,
    problems: list[Problem],  # type: ignore[no-untyped-def]
) -> None:
    trainer: LengthGRPOTrainer = make_trainer()
    assert trainer._tokenize_prompts([p.prompt for p in problems])[0] == encode_prompts(tokenizer, problems)
    assert trainer.eos_token_ids == end_ids(trainer.model, tokenizer)


def in_order(source: str, *parts: str) -> bool:
    """Whether the parts stand in the source in this order."""
    places = [source.find(part) for part in parts]
    return -1 not in places and places == sorted(places)


def test_all_that_a_checkpoint_has_is_written_where_we_say_and_nothing_is_deleted_elsewhere() -> None:
    theirs, base = inspect.getsource(GRPOTrainer._save_checkpoint), inspect.getsource(Trainer._save_checkpoint)
    assert "self._get_output_dir(trial=trial)" in base, "transformers asks for the checkpoints' folder another way"
    assert "self.args.output_dir" not in base, "transformers writes checkpoints past _get_output_dir"
    assert "output_dir=run_dir" in base, "transformers no longer rotates in the folder of _get_output_dir"
    assert "super()._save_checkpoint(model, trial)" in theirs, "TRL no longer writes checkpoints as transformers does"
    assert PREFIX_CHECKPOINT_DIR == "checkpoint", "transformers gives checkpoints another name"
    upload = inspect.getsource(Trainer._push_from_checkpoint)
    assert 'ignore_patterns=["_*"' in upload, "transformers would upload checkpoints that are still being written"


def test_fsdp_saves_weights_beside_the_optimiser_and_its_order_is_ours() -> None:
    source = inspect.getsource(Trainer._save_optimizer_and_scheduler)
    branch = source.partition("elif self.is_fsdp_enabled:")[2].partition("elif ")[0]
    assert branch.index("save_fsdp_model(") < branch.index("save_fsdp_optimizer(")
    assert "torch.save(self.lr_scheduler.state_dict(), os.path.join(output_dir, SCHEDULER_NAME))" in source
    assert "self._load_from_checkpoint(resume_from_checkpoint, self.model_wrapped)" in inspect.getsource(Trainer)


def test_fsdp_and_zero_load_shares_or_zeros_where_the_environment_says_so() -> None:
    assert "FSDP_CPU_RAM_EFFICIENT_LOADING" in inspect.getsource(is_fsdp_enabled)
    assert hasattr(deepspeed, "_hf_deepspeed_config_weak_ref")
    assert "_hf_deepspeed_config_weak_ref()" in inspect.getsource(deepspeed.is_deepspeed_zero3_enabled)


def test_trl_loads_its_reference_by_the_name_in_the_configuration_and_shards_what_each_rank_has() -> None:
    made = inspect.getsource(GRPOTrainer.__init__)
    assert "self.ref_model = create_model_from_path(get_config_model_id(self.model.config)" in made
    assert "self.ref_model = prepare_fsdp(self.ref_model, self.accelerator)" in made
    assert "broadcast" not in inspect.getsource(prepare_fsdp)


def test_each_micro_batch_shares_its_gradient_where_accelerate_is_told_so() -> None:
    assert 'gradient_state.plugin_kwargs.get("sync_each_batch", False)' in inspect.getsource(Trainer)


def test_each_rank_writes_its_random_state_and_has_it_again_before_the_first_step() -> None:
    save, load = inspect.getsource(Trainer._save_rng_state), inspect.getsource(Trainer._load_rng_state)
    for kind in ("python", "numpy", "cpu", "cuda"):
        assert f'"{kind}"' in save, f"transformers no longer saves the random state of {kind}"
        assert kind in load.lower(), f"transformers no longer restores the random state of {kind}"
    assert "rng_state_{self.args.process_index}.pth" in save, "ranks no longer have a random state each"
    epoch = inspect.getsource(Trainer._run_epoch)
    assert in_order(epoch, "skip_first_batches(", "rng_to_sync = True", "self.get_batch_samples(",
                    "self._load_rng_state(resume_from_checkpoint)\n                rng_to_sync = False",
                    "self.training_step("), "a resumed epoch no longer restores random states before its first step"  # fmt: skip


def test_a_resumed_run_begins_a_round_where_a_checkpoint_ends_one() -> None:
    prepare = inspect.getsource(GRPOTrainer._prepare_inputs)
    assert "self._step % generate_every == 0 or self._buffered_inputs is None" in prepare, "rounds begin elsewhere"
    init = inspect.getsource(GRPOTrainer.__init__)
    assert "self._step = 0" in init, "TRL counts micro-batches another way"
    assert "self._buffered_inputs = None" in init, "TRL keeps a round's micro-batches elsewhere"


def test_a_line_of_metrics_comes_before_the_checkpoint_of_its_step() -> None:
    source = inspect.getsource(Trainer._maybe_log_save_evaluate)
    assert in_order(source, "self.log(logs", "self._save_checkpoint("), "a checkpoint may now precede its own metrics"


def test_a_step_ends_for_callbacks_before_it_is_saved_and_training_ends_after_that() -> None:
    source = inspect.getsource(Trainer._run_epoch)
    normed, stepped, ended, saved, left = (
        source.index(part)
        for part in ("self._get_grad_norm(", "self.optimizer.step()", "on_step_end(", "self._maybe_log_save_evaluate(",
                     "self.control.should_training_stop")
    )  # fmt: skip
    assert ended < saved < left, "rl.trainer.signals sets should_save and should_training_stop in on_step_end"
    assert normed < stepped < ended, "rl.trainer.divergence looks at the gradient before the step, at weights after it"


def test_torchrun_passes_sigterm_on_and_waits_as_long_as_it_is_told() -> None:
    source = inspect.getsource(launcher.LaunchConfig)
    assert 'signals_to_handle: str = "SIGTERM,SIGINT' in source
    assert '"TORCH_ELASTIC_SHUTDOWN_TIMEOUT", "30"' in source, "docs/troubleshooting.md says so"


def test_what_is_not_logged_yet_is_where_we_save_it_from() -> None:
    log, step = inspect.getsource(Trainer._maybe_log_save_evaluate), inspect.getsource(Trainer._run_epoch)
    assert "tr_loss_scalar / (self.state.global_step - self._globalstep_last_logged)" in log, (
        "the loss is averaged anew"
    )
    assert "self._tr_loss += tr_loss_step" in step, "the loss since the last line is kept elsewhere"
    assert "self._metrics[mode].clear()" in inspect.getsource(GRPOTrainer.log), "TRL keeps its figures elsewhere"
    begin = inspect.getsource(Trainer._inner_training_loop)
    assert in_order(begin, "self._prepare_for_training(", "self._tr_loss = torch.tensor(0.0", "self._run_epoch("), (
        "the loss since the last line is set to zero at another time"
    )
    state = inspect.getsource(GRPOTrainer._generate)
    assert "self.state.num_input_tokens_seen +=" in state, "TRL counts tokens where no checkpoint has them"


def test_old_log_probs_are_there_where_a_round_makes_several_updates() -> None:
    source = inspect.getsource(GRPOTrainer._generate_and_score_completions)
    assert "self.args.gradient_accumulation_steps % generate_every != 0" in source, "TRL computes them at other times"
    assert 'output["old_per_token_logps"] = old_per_token_logps' in source, "TRL hands them over by another name"
    init = inspect.getsource(GRPOTrainer.__init__)
    assert "temperature=self.temperature" in init, "TRL's log-probs are no longer those at the sampling temperature"


def test_only_dr_grpo_divides_by_the_limit() -> None:
    source = inspect.getsource(GRPOTrainer._compute_loss)
    assert source.count("self.max_completion_length") == 1, "another loss depends on the limit now"
    assert "per_token_loss.size(0) * self.max_completion_length" in source


def test_log_probs_are_asked_of_the_fused_head_as_chunks_answer_them() -> None:
    source = inspect.getsource(GRPOTrainer._get_per_token_logps_and_entropies)
    assert "model(**model_inputs, labels=labels, fused_lm_head=True)" in source, (
        "rl.updates.chunked.model answers this call"
    )
    read = set(re.findall(r"outputs\.(\w+)", source))
    assert read == {"log_probs", "entropy", "aux_loss"}, f"TRL now reads {read} of the head: rl.updates.chunked.model"


def test_the_fused_head_needs_nothing_of_a_model_but_its_backbone_and_its_output_embeddings() -> None:
    model = LlamaForCausalLM(LlamaConfig(vocab_size=11, hidden_size=8, num_hidden_layers=1, num_attention_heads=2))
    add_fused_lm_head(model, outputs=("log_probs", "entropy"))
    hidden, labels = torch.randn(2, 3, 8), torch.randint(0, 11, (2, 3))
    out = model.forward.__func__(_Head(hidden, model.lm_head), fused_lm_head=True, shift_labels=labels)
    expected = model.lm_head(hidden).log_softmax(-1).gather(-1, labels[..., None])[..., 0]
    assert torch.allclose(out.log_probs, expected, atol=1e-6), (
        "TRL's fused head is no longer what rl.updates.chunked shows it"
    )


def test_models_hand_a_mask_of_four_dimensions_on_and_build_none_for_an_attention_they_do_not_know() -> None:
    config = LlamaConfig(vocab_size=11, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
    config._attn_implementation = NAME
    states, mask = torch.zeros(1, 3, 8), torch.zeros(1, 1, 3, 1)
    assert create_causal_mask(config, states, mask, None) is mask, "rl.updates.chunked.attention relies on it"
    assert create_causal_mask(config, states, None, None) is None, "rl.updates.chunked.attention relies on it"


def test_trl_refuses_sequence_parallelism_so_that_our_refusal_stands_for_its_own() -> None:
    with pytest.raises(ValueError, match="does not support sequence-dim parallelism"):
        GRPOConfig("unused", use_cpu=True, bf16=False, parallelism_config=ParallelismConfig(cp_size=2))


def test_trl_makes_and_measures_adapters_as_rl_lora_expects() -> None:
    source = inspect.getsource(GRPOTrainer.__init__)
    assert "model = get_peft_model(model, peft_config, **get_peft_model_kwargs)" in source
    assert 'model.add_adapter("ref", default_config)' in source, "the reference of an adapter gone on with is elsewhere"
    assert "isinstance(model.get_output_embeddings(), BaseTunerLayer)" in source, "TRL may adapt LM heads now"
    assert "if _is_quantized_model:" in source, "TRL leaves QLoRA's adapters in float32: see _load_from_checkpoint"
    reference = inspect.getsource(GRPOTrainer._generate_and_score_completions)
    assert 'use_adapter(model, adapter_name="ref" if "ref" in model.peft_config else None)' in reference


def test_transformers_reads_the_torch_pickles_of_a_checkpoint_as_tensors_only() -> None:
    source = inspect.getsource(inspect.getmodule(Trainer))  # type: ignore[arg-type]
    calls = re.findall(r"torch\.load\(.*?weights_only=(\w+)", source, re.DOTALL)
    assert len(calls) == source.count("torch.load("), "docs/security.md says that all are"
    assert set(calls) == {"True"}
    assert "TRAINING_ARGS_NAME" in source
    assert not re.search(r"load\([^)]*TRAINING_ARGS_NAME", source), "training_args.bin is read"


def test_tiles_of_logits_are_as_large_as_the_estimates_take_them() -> None:
    from trl.kernels import chunked_logprob
    from trl.trainer import utils

    assert (chunked_logprob.TOKEN_CHUNK_SIZE, utils._CHUNKED_LOGPROB_CHUNK_SIZE) == (TILE_TOKENS, TILE_WORDS)


def test_accelerates_launcher_tells_a_number_of_ranks_that_was_given_from_none() -> None:
    parser = launch_command_parser()
    assert parser.parse_known_args(["-m", "rl.train"])[0].num_processes is None
    assert parser.parse_known_args(["--num_processes", "3", "-m", "rl.train"])[0].num_processes == 3


def test_accelerate_shards_on_accelerators_only() -> None:
    source = inspect.getsource(AcceleratorState.__init__)
    (kinds,) = re.findall(r"elif self\.distributed_type in \[(.*?)\]:.*?DistributedType\.FSDP", source, re.DOTALL)
    assert "MULTI_GPU" in kinds
    assert "MULTI_CPU" not in kinds, "FSDP on CPUs: tests/rl/trainer/fsdp_ranks.py needs no make-believe any more"
