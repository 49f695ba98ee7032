"""Checkpoints of the published dimensions of GPT-2 124M and Qwen3-0.6B with random weights of healthy scale, always the same.

    models.py MODEL FOLDER      writes FOLDER/{f32,bf16}/ (Hugging Face) and FOLDER/{f32,bf16,q8_0}.gguf

Every weight is a value of bfloat16, so that the files of both types hold one model: the engines differ, the weights do not
(Q8_0 rounds them once more). Each file or folder is written under another name and renamed.
"""
import os
import pathlib
import shutil
import sys


def config_of(model):
    import transformers
    if model == "gpt2-124m":
        return transformers.GPT2Config()
    return transformers.Qwen3Config(
        vocab_size=151936, hidden_size=1024, intermediate_size=3072, num_hidden_layers=28, num_attention_heads=16,
        num_key_value_heads=8, head_dim=128, max_position_embeddings=40960, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6})


def build(model):
    import torch
    import transformers
    config = config_of(model)
    generator = torch.Generator().manual_seed(len(model))
    made = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            noise = torch.empty(parameter.shape).normal_(generator=generator)
            if "norm" in name or ".ln_" in name:
                value = 0.1 * noise + (0.0 if name.endswith("bias") else 1.0)
            elif name.endswith("bias"):
                value = 0.1 * noise
            elif "embed" in name or "wte" in name or "wpe" in name:
                value = noise * parameter.shape[-1] ** -0.5
            else:  # the sum over the inputs keeps the inputs' size; GPT-2 stores [in, out]
                value = noise * (parameter.shape[0] if model.startswith("gpt2") else parameter.shape[-1]) ** -0.5
            parameter.copy_(value.to(torch.bfloat16).float())
    return made.eval()


def save(made, folder, dtype):
    import torch
    if folder.exists():
        return
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    made.config.dtype = dtype
    made.save_pretrained(partial, state_dict={n: t.to(dtype) for n, t in made.state_dict().items()})
    made.config.dtype = torch.float32
    os.replace(partial, folder)


def main(model, folder):
    import gguf_files
    import torch
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [folder / name for name in ("f32", "bf16", "f32.gguf", "bf16.gguf", "q8_0.gguf")]
    if all(path.exists() for path in wanted):
        return
    print(f"making {model} with random weights", file=sys.stderr, flush=True)
    made = build(model)
    save(made, folder / "f32", torch.float32)
    save(made, folder / "bf16", torch.bfloat16)
    weights = {name: tensor.numpy() for name, tensor in made.state_dict().items()}
    for kind in ("f32", "bf16", "q8_0"):
        target = folder / f"{kind}.gguf"
        if not target.exists():
            gguf_files.write(target, kind, made.config, weights)


if __name__ == "__main__":
    main(*sys.argv[1:])
