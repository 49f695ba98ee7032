"""Hugging Face's forward passes in float64 throughout. Stock, a float64 model still casts norms, softmax and rotary tables to
float32; here the frequencies are the binary32 nearest to the formula, angles are binary32 products (docs/numerics.md,
section 3), and everything else is float64."""
import contextlib
import math

import torch
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS


def frequencies(config, head_dim):
    """inv_freq and the attention factor by the formulas of the contract, in binary64."""
    p = config.rope_parameters
    theta, kind = p["rope_theta"], p["rope_type"]
    plain = [theta ** (-2.0 * i / head_dim) for i in range(head_dim // 2)]
    if kind in ("default", "dynamic"):
        return plain, 1.0
    if kind == "linear":
        return [f / p["factor"] for f in plain], 1.0
    original = p.get("original_max_position_embeddings") or config.max_position_embeddings
    if kind == "longrope":  # within the original length
        s = config.max_position_embeddings / original
        scale = 1.0 if s <= 1 else math.sqrt(1 + math.log(s) / math.log(original))
        return [f / short for f, short in zip(plain, p["short_factor"])], p.get("attention_factor") or scale
    if kind == "llama3":
        low, high, out = p["low_freq_factor"], p["high_freq_factor"], []
        for f in plain:
            w = 2 * math.pi / f
            if w < original / high:
                out.append(f)
            elif w > original / low:
                out.append(f / p["factor"])
            else:
                s = (original / w - low) / (high - low)
                out.append((1 - s) * f / p["factor"] + s * f)
        return out, 1.0
    assert kind == "yarn", kind
    def dimension(turns):
        return head_dim * math.log(original / (2 * math.pi * turns)) / (2 * math.log(theta))
    low, high = dimension(p.get("beta_fast") or 32), dimension(p.get("beta_slow") or 1)
    if p.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, head_dim - 1)
    if low == high:
        high += 0.001
    out = []
    for i, f in enumerate(plain):
        ramp = min(max((i - low) / (high - low), 0), 1)
        out.append(f * ((1 - ramp) + ramp / p["factor"]))
    def scale(s, a):
        return 1.0 if s <= 1 else 0.1 * a * math.log(s) + 1
    factor = p.get("attention_factor")
    if factor is None:
        if p.get("mscale") and p.get("mscale_all_dim"):
            factor = scale(p["factor"], p["mscale"]) / scale(p["factor"], p["mscale_all_dim"])
        else:
            factor = scale(p["factor"], 1)
    return out, factor


class Rotary(torch.nn.Module):
    def __init__(self, config, head_dim):
        super().__init__()
        inverse, factor = frequencies(config, head_dim)
        self.inverse = torch.tensor(inverse, dtype=torch.float64).float()
        self.factor = torch.tensor(factor, dtype=torch.float64).float().double()

    def forward(self, x, position_ids, *_, **__):
        angles = position_ids[..., None].float() * self.inverse
        both = torch.cat((angles, angles), dim=-1).double()
        return both.cos() * self.factor, both.sin() * self.factor


class Norm(torch.nn.Module):
    def __init__(self, stock):
        super().__init__()
        self.weight, self.epsilon = stock.weight, stock.variance_epsilon

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon) * self.weight


@contextlib.contextmanager
def softmax_in_its_own_type():
    stock = torch.nn.functional.softmax
    def own(x, dim=None, _stacklevel=3, dtype=None):
        return stock(x, dim=dim, dtype=x.dtype if x.dtype == torch.float64 else dtype)
    torch.nn.functional.softmax = own
    try:
        yield
    finally:
        torch.nn.functional.softmax = stock


def float64_throughout(model, config):
    """Changes the float64 model given."""
    for name, module in list(model.named_modules()):
        for child_name, child in list(module.named_children()):
            if type(child).__name__.endswith("RMSNorm"):
                setattr(module, child_name, Norm(child))
            elif type(child).__name__.endswith("RotaryEmbedding"):
                head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
                setattr(module, child_name, Rotary(config, head_dim))
    return model


def logits(model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids]), use_cache=False).logits[0].double()


def float64_logits(model, config, ids):
    with softmax_in_its_own_type():
        return logits(float64_throughout(model.double(), config), ids)
