"""A model's weights as a GGUF file, named and laid out as llama.cpp's own converter does it; without a vocabulary, since only
ids are fed. One-dimensional tensors stay binary32, and so do GPT-2's positions, as there."""
import os

import gguf
import numpy

GPT2_LAYER = {
    "ln_1": "attn_norm", "ln_2": "ffn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
}
QWEN3_LAYER = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}
OTHERS = {
    "transformer.wte": "token_embd", "transformer.wpe": "position_embd", "transformer.ln_f": "output_norm",
    "model.embed_tokens": "token_embd", "model.norm": "output_norm",
}


def name_of(name):
    """Hugging Face's name as GGUF's; None for what a tied file does not hold."""
    if name == "lm_head.weight":
        return None
    stem, kind = name.rsplit(".", 1)
    if stem in OTHERS:
        return f"{OTHERS[stem]}.{kind}"
    parts = stem.split(".", 3)  # transformer.h.N.rest, model.layers.N.rest
    table = GPT2_LAYER if parts[1] == "h" else QWEN3_LAYER
    return f"blk.{parts[2]}.{table[parts[3]]}.{kind}"


def transposed(name):
    """GPT-2's projections are stored [in, out]; GGUF wants [out, in]."""
    return name.startswith("transformer.h.") and name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight"))


def add_config(writer, config):
    if config.model_type == "gpt2":
        writer.add_context_length(config.n_positions)
        writer.add_embedding_length(config.n_embd)
        writer.add_feed_forward_length(4 * config.n_embd)
        writer.add_block_count(config.n_layer)
        writer.add_head_count(config.n_head)
        writer.add_layer_norm_eps(config.layer_norm_epsilon)
    else:
        writer.add_context_length(config.max_position_embeddings)
        writer.add_embedding_length(config.hidden_size)
        writer.add_feed_forward_length(config.intermediate_size)
        writer.add_block_count(config.num_hidden_layers)
        writer.add_head_count(config.num_attention_heads)
        writer.add_head_count_kv(config.num_key_value_heads)
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
        writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("none")


def write(path, kind, config, weights):
    """weights: binary32 arrays under Hugging Face's names. kind: f32, bf16 or q8_0."""
    types = {"f32": gguf.GGMLQuantizationType.F32, "bf16": gguf.GGMLQuantizationType.BF16, "q8_0": gguf.GGMLQuantizationType.Q8_0}
    files = {"f32": gguf.LlamaFileType.ALL_F32, "bf16": gguf.LlamaFileType.MOSTLY_BF16, "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0}
    partial = path.with_name(path.name + ".partial")
    writer = gguf.GGUFWriter(partial, "gpt2" if config.model_type == "gpt2" else "qwen3")
    add_config(writer, config)
    writer.add_file_type(files[kind])
    for name, values in weights.items():
        target = name_of(name)
        if target is None:
            continue
        values = numpy.ascontiguousarray(values.T if transposed(name) else values)
        kept = values.ndim == 1 or "position_embd" in target
        stored = types["f32"] if kept else types[kind]
        writer.add_tensor(target, gguf.quants.quantize(values, stored), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(partial, path)
