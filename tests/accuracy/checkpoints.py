"""Checkpoints with random weights of healthy scale, made with Hugging Face's own classes: one for every switch that a
config can set. Written as save_pretrained writes them."""
import dataclasses

import torch
import transformers


@dataclasses.dataclass
class Case:
    name: str
    config: object
    tokens: int = 48          # length of the text
    dtype: str = "float32"    # of the stored weights
    shard: str = "5GB"        # max_shard_size
    seed: int = 0


def gpt2(name, tokens=48, dtype="float32", shard="5GB", **fields):
    base = dict(vocab_size=211, n_positions=128, n_embd=48, n_layer=3, n_head=4, bos_token_id=0, eos_token_id=0)
    return Case("gpt2-" + name, transformers.GPT2Config(**{**base, **fields}), tokens, dtype, shard)


def decoder(kind, name, tokens=48, dtype="float32", shard="5GB", **fields):
    base = dict(vocab_size=223, hidden_size=64, intermediate_size=112, num_hidden_layers=3, num_attention_heads=4,
                num_key_value_heads=2, max_position_embeddings=256, bos_token_id=0, eos_token_id=0)
    if kind in ("Qwen3", "Qwen3Moe"):
        base["head_dim"] = 16
    if kind == "Qwen3Moe":
        base.update(num_experts=8, num_experts_per_tok=3, moe_intermediate_size=40)
    if kind == "Mistral":
        base["sliding_window"] = None
    return Case(f"{kind.lower()}-{name}", getattr(transformers, kind + "Config")(**{**base, **fields}), tokens, dtype, shard)


def rope(kind, theta=10000.0, **fields):
    return {"rope_parameters": {"rope_type": kind, "rope_theta": theta, **fields}}


def cases():
    """Small enough for every change."""
    all_cases = [gpt2("plain")]
    for activation in ("gelu_new", "gelu", "gelu_pytorch_tanh", "gelu_fast", "quick_gelu", "relu", "silu", "tanh"):
        all_cases.append(gpt2("act-" + activation, activation_function=activation))
    all_cases += [
        gpt2("n_inner", n_inner=77), gpt2("epsilon", layer_norm_epsilon=1e-3), gpt2("unscaled", scale_attn_weights=False),
        gpt2("by-layer", scale_attn_by_inverse_layer_idx=True),
        gpt2("reorder", reorder_and_upcast_attn=True, scale_attn_by_inverse_layer_idx=True),
        gpt2("untied", tie_word_embeddings=False), gpt2("one-head", n_head=1, n_embd=40), gpt2("many-heads", n_head=16, n_embd=256),
        gpt2("odd", vocab_size=1009, n_embd=42, n_head=3), gpt2("bf16", dtype="bfloat16"), gpt2("f16", dtype="float16"),
        gpt2("shards", shard="20KB"), gpt2("full-context", tokens=128),
        gpt2("leaves", tokens=600, n_positions=640),  # attention over several leaves of 256 positions
        gpt2("d128", n_embd=256, n_head=2), gpt2("d17", n_embd=51, n_head=3), gpt2("bf16-untied", dtype="bfloat16", tie_word_embeddings=False),
        gpt2("deep", n_layer=12), gpt2("everything", activation_function="gelu", n_inner=100, layer_norm_epsilon=1e-6,
                                       scale_attn_weights=False, scale_attn_by_inverse_layer_idx=True, dtype="float16", shard="30KB"),
        decoder("Qwen3", "plain"), decoder("Qwen3", "tied", tie_word_embeddings=True), decoder("Qwen3", "bias", attention_bias=True),
        decoder("Qwen3", "bf16", dtype="bfloat16"), decoder("Qwen3", "f16", dtype="float16"), decoder("Qwen3", "shards", shard="30KB"),
        decoder("Qwen3", "d256", head_dim=256, num_attention_heads=2, num_key_value_heads=1), decoder("Qwen3", "d128", head_dim=128),
        decoder("Qwen3", "one-head", num_attention_heads=1, num_key_value_heads=1),
        decoder("Qwen3", "wide-groups", num_attention_heads=16, num_key_value_heads=2),
        decoder("Qwen3", "odd", hidden_size=50, intermediate_size=77, vocab_size=307),
        decoder("Qwen3", "theta-1e6", **rope("default", 1e6)), decoder("Qwen3", "linear", tokens=96, **rope("linear", factor=4.0)),
        decoder("Qwen3", "yarn", tokens=120, **rope("yarn", 1e6, factor=4.0, original_max_position_embeddings=32)),
        decoder("Qwen3", "yarn-fields", tokens=120, **rope("yarn", factor=8.0, original_max_position_embeddings=32, beta_fast=16.0,
                                                           beta_slow=2.0, attention_factor=1.25)),
        decoder("Qwen3", "yarn-mscale", tokens=120, head_dim=64,
                **rope("yarn", factor=8.0, original_max_position_embeddings=64, mscale=0.8, mscale_all_dim=0.5, truncate=False)),
        decoder("Qwen3", "window", tokens=100, use_sliding_window=True, sliding_window=20, max_window_layers=1),
        decoder("Qwen3", "layer-types", tokens=60, use_sliding_window=True, sliding_window=7,
                layer_types=["sliding_attention", "full_attention", "sliding_attention"]),
        decoder("Qwen3", "dynamic", tokens=64, **rope("dynamic", factor=2.0)),
        decoder("Qwen3", "longrope", tokens=64, **rope("longrope", original_max_position_embeddings=64, long_factor=[4.0] * 8,
                                                       short_factor=[1.0 + 0.1 * i for i in range(8)])),
        decoder("Qwen3", "leaves", tokens=700, max_position_embeddings=1024),
        decoder("Qwen3", "yarn-leaves", tokens=800, max_position_embeddings=1024, head_dim=128,
                **rope("yarn", 1e6, factor=4.0, original_max_position_embeddings=256)),
        decoder("Qwen3", "linear-leaves", tokens=600, max_position_embeddings=1024, **rope("linear", factor=4.0)),
        decoder("Qwen3", "window-leaves", tokens=700, max_position_embeddings=1024, use_sliding_window=True, sliding_window=300,
                max_window_layers=1),
        decoder("Qwen3", "d80", head_dim=80), decoder("Qwen3", "d192", head_dim=192, dtype="bfloat16"),
        decoder("Qwen3Moe", "plain"), decoder("Qwen3Moe", "normalized", norm_topk_prob=True, dtype="bfloat16"),
        decoder("Qwen3Moe", "sparse", decoder_sparse_step=2, num_hidden_layers=4, norm_topk_prob=True),
        decoder("Qwen3Moe", "dense-layers", mlp_only_layers=[1], num_experts=16, num_experts_per_tok=1, shard="60KB"),
        decoder("Qwen3Moe", "window", tokens=60, use_sliding_window=True, sliding_window=9, attention_bias=True),
        decoder("Qwen3Moe", "router-leaves", num_experts=300, num_experts_per_tok=8, moe_intermediate_size=16, norm_topk_prob=True),
        decoder("Qwen3Moe", "f16", dtype="float16", num_experts_per_tok=8),
        decoder("Qwen2", "plain"), decoder("Qwen2", "odd", hidden_size=56, intermediate_size=99, vocab_size=401, dtype="float16"),
        decoder("Qwen2", "yarn", tokens=120, **rope("yarn", 1e6, factor=4.0, original_max_position_embeddings=32)), decoder("Qwen2", "tied", tie_word_embeddings=True, dtype="bfloat16"),
        decoder("Qwen2", "window", tokens=80, use_sliding_window=True, sliding_window=16, max_window_layers=2),
        decoder("Llama", "plain"), decoder("Llama", "biases", attention_bias=True, mlp_bias=True),
        decoder("Llama", "llama3", tokens=120, **rope("llama3", 5e5, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                                      original_max_position_embeddings=64)),
        decoder("Llama", "llama3-leaves", tokens=700, max_position_embeddings=1024, head_dim=64,
                **rope("llama3", 5e5, factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=256)),
        decoder("Llama", "d256", head_dim=256, num_attention_heads=2, num_key_value_heads=1, dtype="bfloat16", shard="300KB"),
        decoder("Llama", "as-many-heads", num_key_value_heads=4), decoder("Llama", "one-for-all", num_attention_heads=16, num_key_value_heads=1, head_dim=16),
        decoder("Llama", "longrope", tokens=40, **rope("longrope", original_max_position_embeddings=40, attention_factor=1.3, long_factor=[2.0] * 8,
                                                       short_factor=[1.5] * 8)),
        decoder("Llama", "head-dim", head_dim=24, dtype="float16", tie_word_embeddings=True),
        decoder("Mistral", "plain", dtype="bfloat16"), decoder("Mistral", "window", tokens=90, sliding_window=11),
        decoder("Mistral", "head-dim", head_dim=32, num_attention_heads=8),
        decoder("Mistral", "window-leaves", tokens=600, max_position_embeddings=1024, sliding_window=270, dtype="float16"),
    ]
    return all_cases


def real_cases():
    """The dimensions of published models."""
    return [
        Case("gpt2-124m", transformers.GPT2Config(), 64),
        Case("gpt2-xl", transformers.GPT2Config(n_embd=1600, n_layer=48, n_head=25), 32, shard="1GB"),
        Case("qwen3-0.6b", transformers.Qwen3Config(
            vocab_size=151936, hidden_size=1024, intermediate_size=3072, num_hidden_layers=28, num_attention_heads=16,
            num_key_value_heads=8, head_dim=128, max_position_embeddings=40960, tie_word_embeddings=True,
            rope_parameters={"rope_type": "default", "rope_theta": 1e6}), 64, "bfloat16"),
    ]


def save(model, case, folder):
    """As save_pretrained writes it, the weights in the stored type. Only a narrower type needs a copy of them."""
    dtype = getattr(torch, case.dtype)
    model.config.dtype = dtype
    weights = {name: tensor.to(dtype) for name, tensor in model.state_dict().items()}
    model.save_pretrained(folder, state_dict=weights, max_shard_size=case.shard)
    model.config.dtype = torch.float32


def build(case):
    """The model in float32, each weight a value of the stored type."""
    generator = torch.Generator().manual_seed(case.seed + sum(map(ord, case.name)))
    if hasattr(case.config, "num_experts_per_tok"):
        case.config._experts_implementation = "eager"  # the fused ones know no float64
    model = transformers.AutoModelForCausalLM.from_config(case.config, attn_implementation="eager")
    dtype = getattr(torch, case.dtype)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.empty(parameter.shape).normal_(generator=generator)
            if "norm" in name or ".ln_" in name:
                value = 0.1 * noise + (0.0 if name.endswith("bias") else 1.0)
            elif name.endswith("bias"):
                value = 0.1 * noise
            elif parameter.dim() == 1 or "embed" in name or "wte" in name or "wpe" in name or "lm_head" in name:
                value = noise * (parameter.shape[-1] ** -0.5 if "lm_head" in name or case.config.tie_word_embeddings else 0.5)
            else:
                # The sum over the inputs keeps the inputs' size. Conv1D stores [in, out], a fused stack [experts, out, in].
                inputs = parameter.shape[0] if case.name.startswith("gpt2") else parameter.shape[-1]
                value = noise * inputs ** -0.5
            parameter.copy_(value.to(dtype).float())
    return model.eval()
