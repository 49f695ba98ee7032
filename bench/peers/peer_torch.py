"""Hugging Face transformers on PyTorch, eager, with scaled-dot-product attention (transformers' default). Variants: f32, bf16."""
import torch
import transformers


class Peer:
    def __init__(self, variant):
        self.dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[variant]

    def load(self, folder, threads):
        torch.set_num_threads(threads)
        self.model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=self.dtype).eval()
        return self.model.config.vocab_size

    def start(self, batch, length):
        self.cache = transformers.DynamicCache(config=self.model.config)

    def feed(self, ids):
        with torch.inference_mode():
            out = self.model(input_ids=torch.tensor(ids), past_key_values=self.cache, use_cache=True, logits_to_keep=1)
            return out.logits[:, -1].float().numpy()
