"""Writes GGUF files of Hugging Face checkpoints with the `gguf` package, under the names and with the changes of llama.cpp's
converter: rows of Llama's query and key projections in rotary pairs, GPT-2's matrices transposed, experts stacked, vectors
in F32 whatever the matrices are."""
import json
import math
import os

import gguf
import numpy
import torch

ARCHITECTURES = {"gpt2": "gpt2", "llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "qwen3_moe": "qwen3moe"}
GPT2 = {"transformer.wte": "token_embd", "transformer.wpe": "position_embd", "transformer.ln_f": "output_norm", "lm_head": "output"}
GPT2_LAYER = {"ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "ln_2": "ffn_norm",
              "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"}
DECODER = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
DECODER_LAYER = {"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
                 "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
                 "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate",
                 "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "mlp.gate": "ffn_gate_inp"}


class NotRepresentable(Exception):
    """GGUF has no place for this switch of a config."""


def permuted(tensor, heads):
    """llama.cpp's LlamaModel.permute: rotary halves of each head become pairs."""
    return tensor.reshape(heads, 2, tensor.shape[0] // heads // 2, *tensor.shape[1:]).swapaxes(1, 2).reshape(tensor.shape)


def llama3_factors(config, dim):
    """As the converter computes them, in binary32."""
    p = config.rope_parameters
    factor, low, high, old = (p[k] for k in ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"))
    factors = []
    for freq in 1.0 / (p["rope_theta"] ** (torch.arange(0, dim, 2, dtype=torch.float32) / dim)):
        length = 2 * math.pi / freq
        if length < old / high:
            factors.append(1)
        elif length > old / low:
            factors.append(factor)
        else:
            smooth = (old / length - low) / (high - low)
            factors.append(1 / ((1 - smooth) / factor + smooth))
    return torch.tensor(factors, dtype=torch.float32)


def gpt2_metadata(writer, c):
    if c.activation_function not in ("gelu_new", "gelu_pytorch_tanh", "gelu_fast"):
        raise NotRepresentable("activation_function")
    if not c.scale_attn_weights or c.scale_attn_by_inverse_layer_idx:
        raise NotRepresentable("attention scales")
    writer.add_context_length(c.n_positions)
    writer.add_embedding_length(c.n_embd)
    writer.add_feed_forward_length(c.n_inner or 4 * c.n_embd)
    writer.add_block_count(c.n_layer)
    writer.add_head_count(c.n_head)
    writer.add_layer_norm_eps(c.layer_norm_epsilon)


def decoder_metadata(writer, c, head_dim):
    writer.add_context_length(c.max_position_embeddings)
    writer.add_embedding_length(c.hidden_size)
    writer.add_feed_forward_length(c.intermediate_size)
    writer.add_block_count(c.num_hidden_layers)
    writer.add_head_count(c.num_attention_heads)
    writer.add_head_count_kv(c.num_key_value_heads)
    writer.add_layer_norm_rms_eps(c.rms_norm_eps)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(head_dim)
    writer.add_rope_freq_base(c.rope_parameters["rope_theta"])
    rope = c.rope_parameters
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    elif rope["rope_type"] == "yarn":
        if any(k in rope for k in ("mscale", "mscale_all_dim", "truncate")):
            raise NotRepresentable("yarn's mscale and truncate")
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        for field, add in (("beta_fast", writer.add_rope_scaling_yarn_beta_fast), ("beta_slow", writer.add_rope_scaling_yarn_beta_slow),
                           ("attention_factor", writer.add_rope_scaling_yarn_attn_factor)):
            if rope.get(field) is not None:
                add(rope[field])
    elif rope["rope_type"] not in ("default", "llama3"):
        raise NotRepresentable("rope_type " + rope["rope_type"])
    if c.model_type == "qwen3_moe":
        writer.add_expert_count(c.num_experts)
        writer.add_expert_used_count(c.num_experts_per_tok)
        writer.add_expert_feed_forward_length(c.moe_intermediate_size)
        writer.add_expert_weights_norm(c.norm_topk_prob)
    window = getattr(c, "sliding_window", None)
    if window and c.model_type == "mistral":
        writer.add_sliding_window(window)
    elif window and getattr(c, "use_sliding_window", False):
        if c.model_type == "qwen3_moe":
            pattern = [True] * c.num_hidden_layers
        else:
            pattern = [t == "sliding_attention" for t in c.layer_types]
        writer.add_sliding_window(window)
        writer.add_sliding_window_pattern(pattern)


def stored(tensor, matrix_type):
    """The array and ggml type of a tensor: matrices in the file's type, vectors in F32."""
    if tensor.dim() < 2 or matrix_type == "F32":
        return tensor.float().numpy(), gguf.GGMLQuantizationType.F32
    if matrix_type == "F16":
        return tensor.half().numpy(), gguf.GGMLQuantizationType.F16
    return tensor.bfloat16().view(torch.uint16).numpy().view(numpy.uint8), gguf.GGMLQuantizationType.BF16


def gguf_tensors(state, c, head_dim):
    gpt2 = c.model_type == "gpt2"
    top, layer_names = (GPT2, GPT2_LAYER) if gpt2 else (DECODER, DECODER_LAYER)
    stacks = {}
    for name, tensor in state.items():
        stem, part = name.rsplit(".", 1)
        words = stem.split(".")
        if stem in top:
            yield top[stem] + "." + part, tensor
            continue
        layer, rest = words[2], ".".join(words[3:])
        if ".experts." in name:
            _, _, expert, kind = rest.split(".")
            stacks.setdefault((layer, kind), {})[int(expert)] = tensor
            continue
        if gpt2 and rest in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj") and tensor.dim() == 2:
            tensor = tensor.transpose(0, 1).contiguous()
        if ARCHITECTURES[c.model_type] == "llama" and rest in ("self_attn.q_proj", "self_attn.k_proj"):
            tensor = permuted(tensor, tensor.shape[0] // head_dim)
        yield f"blk.{layer}.{layer_names[rest]}.{part}", tensor
    for (layer, kind), experts in stacks.items():
        yield f"blk.{layer}.ffn_{kind.removesuffix('_proj')}_exps.weight", torch.stack([experts[e] for e in sorted(experts)])


def add_bpe_tokenizer(writer, folder, vocab_size, pre):
    """As the converter's get_vocab_base and its SpecialVocab write it."""
    import tokenizers
    with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as f:
        content = json.load(f)
    tokenizer = tokenizers.Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    by_id = {i: t for t, i in tokenizer.get_vocab(with_added_tokens=True).items()}
    added = {t["id"]: t for t in content["added_tokens"]}
    tokens, types = [], []
    for i in range(max(vocab_size or 0, max(by_id) + 1)):
        tokens.append(by_id.get(i, f"[PAD{i}]"))
        types.append(gguf.TokenType.UNUSED if i not in by_id else gguf.TokenType.NORMAL if i not in added
                     else gguf.TokenType.CONTROL if added[i]["special"] else gguf.TokenType.USER_DEFINED)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    gguf.SpecialVocab(folder, load_merges=True).add_to_gguf(writer, quiet=True)


def add_sentencepiece_tokenizer(writer, pieces, scores, types, add_prefix=None):
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(pieces)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    if add_prefix is not None:
        writer.add_add_space_prefix(add_prefix)


def write(path, state, config, matrix_type="F32", tokenizer=None):
    """`state`: tensors under save_pretrained's names. `tokenizer`: called with the writer, adds tokenizer.ggml.*."""
    writer = gguf.GGUFWriter(path, ARCHITECTURES[config.model_type])
    writer.add_file_type({"F32": 0, "F16": 1, "BF16": 32}[matrix_type])
    if config.model_type == "gpt2":
        head_dim = config.n_embd // config.n_head
        gpt2_metadata(writer, config)
    else:
        head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        decoder_metadata(writer, config, head_dim)
    if tokenizer is not None:
        tokenizer(writer)
    if config.model_type != "gpt2" and config.rope_parameters["rope_type"] == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_factors(config, head_dim).numpy())
    for name, tensor in gguf_tensors(state, config, head_dim):
        array, kind = stored(tensor, matrix_type)
        writer.add_tensor(name, numpy.ascontiguousarray(array), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
