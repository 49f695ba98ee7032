"""GPT-2 and Qwen3 as ONNX, with the operators that ONNX Runtime's own builders use (com.microsoft's GroupQueryAttention, which
keeps keys and values in the caller's buffers), over the weights where they lie: model.safetensors is the external data.

Inputs: ids [batch][n], positions [batch][n] (GPT-2), lengths [batch] (positions held after this call, less one), total, past_*;
outputs: logits [batch][vocab] of the last token, present_*. The trunk is two-dimensional, [batch * n][width].
"""
import json
import os
import struct

import numpy
import onnx
from onnx import TensorProto, helper

ROPE_POSITIONS = 4096


def read_header(path):
    """{name: (shape, begin, length)} of a binary32 safetensors file."""
    with open(path, "rb") as f:
        size = struct.unpack("<Q", f.read(8))[0]
        header = json.loads(f.read(size))
    header.pop("__metadata__", None)
    return {name: (t["shape"], 8 + size + t["data_offsets"][0], t["data_offsets"][1] - t["data_offsets"][0])
            for name, t in header.items() if t["dtype"] == "F32"}


class Graph:
    def __init__(self, folder):
        self.folder = folder
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
            self.config = json.load(f)
        self.tensors = read_header(os.path.join(folder, "model.safetensors"))
        self.nodes, self.weights, self.used = [], [], set()

    def weight(self, name):
        if name not in self.used:
            self.used.add(name)
            shape, begin, length = self.tensors[name]
            tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
            for key, value in (("location", "model.safetensors"), ("offset", begin), ("length", length)):
                tensor.external_data.add(key=key, value=str(value))
            self.weights.append(tensor)
        return name

    def constant(self, name, values):
        if name not in self.used:
            self.used.add(name)
            self.weights.append(onnx.numpy_helper.from_array(numpy.asarray(values), name))
        return name

    def add(self, kind, inputs, outputs=1, domain="", **attributes):
        names = [f"{kind}_{len(self.nodes)}_{i}" for i in range(outputs)] if isinstance(outputs, int) else outputs
        self.nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return names[0] if len(names) == 1 else names

    def linear(self, x, name, bias=False, transposed=True):
        inputs = [x, self.weight(name + ".weight")] + ([self.weight(name + ".bias")] if bias else [])
        return self.add("Gemm", inputs, transB=int(transposed))

    def begin(self, width):
        """The shape [batch, n, width] of attention's queries."""
        self.shape = self.add("Shape", ["ids"])
        return self.whole(width)

    def whole(self, width):
        """The shape [batch, n, width]."""
        return self.add("Concat", [self.shape, self.constant(f"width_{width}", numpy.array([width], numpy.int64))], axis=0)

    def rows(self, x, width):
        return self.add("Reshape", [x, self.constant(f"rows_{width}", numpy.array([-1, width], numpy.int64))])

    def attend(self, layer, q, k, v, heads, kv_heads, **attributes):
        inputs = [q, k, v, f"past_key_{layer}", f"past_value_{layer}", "lengths", "total"]
        if attributes.get("do_rotary"):
            inputs += ["cosine", "sine"]
        return self.add("GroupQueryAttention", inputs, [f"attended_{layer}", f"present_key_{layer}", f"present_value_{layer}"],
                        "com.microsoft", num_heads=heads, kv_num_heads=kv_heads, **attributes)[0]

    def finish(self, x, width, head, layers, kv_heads, d, positions):
        """The last token's row, through the head; then the file."""
        last = self.add("Gather", [self.add("Reshape", [x, self.whole(width)]), self.constant("last", numpy.int64(-1))], axis=1)
        self.add("Gemm", [last, self.weight(head)], ["logits"], transB=1)
        info = helper.make_tensor_value_info
        inputs = [info("ids", TensorProto.INT64, ["batch", "n"])]
        if positions:
            inputs.append(info("positions", TensorProto.INT64, ["batch", "n"]))
        inputs += [info("lengths", TensorProto.INT32, ["batch"]), info("total", TensorProto.INT32, [])]
        outputs = [info("logits", TensorProto.FLOAT, ["batch", self.config["vocab_size"]])]
        for layer in range(layers):
            for what in ("key", "value"):
                inputs.append(info(f"past_{what}_{layer}", TensorProto.FLOAT, ["batch", kv_heads, "past", d]))
                outputs.append(info(f"present_{what}_{layer}", TensorProto.FLOAT, ["batch", kv_heads, "present", d]))
        graph = helper.make_graph(self.nodes, self.config["model_type"], inputs, outputs, self.weights)
        operators = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, ir_version=10, opset_imports=operators)
        path = os.path.join(self.folder, "model.onnx")
        with open(path + ".partial", "wb") as f:
            f.write(model.SerializeToString())
        os.replace(path + ".partial", path)


def gpt2(g):
    c, width = g.config, g.config["n_embd"]
    d = width // c["n_head"]
    whole = g.begin(width)
    t = "transformer."
    norm = lambda x, name: g.add("LayerNormalization", [x, g.weight(name + ".weight"), g.weight(name + ".bias")],
                                 epsilon=c["layer_norm_epsilon"])
    tokens = g.add("Gather", [g.weight(t + "wte.weight"), "ids"])
    x = g.rows(g.add("Add", [tokens, g.add("Gather", [g.weight(t + "wpe.weight"), "positions"])]), width)
    for layer in range(c["n_layer"]):
        h = f"{t}h.{layer}."
        qkv = g.linear(norm(x, h + "ln_1"), h + "attn.c_attn", True, False)
        q, k, v = (g.add("Reshape", [part, whole]) for part in g.add("Split", [qkv], 3, axis=1, num_outputs=3))
        y = g.rows(g.attend(layer, q, k, v, c["n_head"], c["n_head"]), width)
        x = g.add("Add", [x, g.linear(y, h + "attn.c_proj", True, False)])
        y = g.add("Gelu", [g.linear(norm(x, h + "ln_2"), h + "mlp.c_fc", True, False)], approximate="tanh")
        x = g.add("Add", [x, g.linear(y, h + "mlp.c_proj", True, False)])
    g.finish(norm(x, t + "ln_f"), width, t + "wte.weight", c["n_layer"], c["n_head"], d, True)


def qwen3(g):
    c = g.config
    width, heads, kv_heads, d = (c[key] for key in ("hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim"))
    frequencies = c["rope_parameters"]["rope_theta"] ** (-numpy.arange(0, d, 2, dtype=numpy.float64) / d)
    angles = numpy.outer(numpy.arange(ROPE_POSITIONS), frequencies)
    g.constant("cosine", numpy.cos(angles).astype(numpy.float32))
    g.constant("sine", numpy.sin(angles).astype(numpy.float32))
    whole_q = g.begin(heads * d)
    whole_kv = g.whole(kv_heads * d)
    norm = lambda x, name: g.add("SimplifiedLayerNormalization", [x, g.weight(name + ".weight")], axis=-1, stash_type=1,
                                 epsilon=c["rms_norm_eps"])
    def by_head(x, name, whole):  # q and k are normalised head by head
        return g.add("Reshape", [norm(g.rows(x, d), name), whole])
    x = g.rows(g.add("Gather", [g.weight("model.embed_tokens.weight"), "ids"]), width)
    for layer in range(c["num_hidden_layers"]):
        l = f"model.layers.{layer}."
        y = norm(x, l + "input_layernorm")
        q = by_head(g.linear(y, l + "self_attn.q_proj"), l + "self_attn.q_norm", whole_q)
        k = by_head(g.linear(y, l + "self_attn.k_proj"), l + "self_attn.k_norm", whole_kv)
        v = g.add("Reshape", [g.linear(y, l + "self_attn.v_proj"), whole_kv])
        y = g.rows(g.attend(layer, q, k, v, heads, kv_heads, do_rotary=1), heads * d)
        x = g.add("Add", [x, g.linear(y, l + "self_attn.o_proj")])
        y = norm(x, l + "post_attention_layernorm")
        gate = g.linear(y, l + "mlp.gate_proj")
        gate = g.add("Mul", [gate, g.add("Sigmoid", [gate])])
        x = g.add("Add", [x, g.linear(g.add("Mul", [gate, g.linear(y, l + "mlp.up_proj")]), l + "mlp.down_proj")])
    g.finish(norm(x, "model.norm"), width, "model.embed_tokens.weight", c["num_hidden_layers"], kv_heads, d, False)


def write(folder):
    """Writes folder/model.onnx unless it is there."""
    if os.path.exists(os.path.join(folder, "model.onnx")):
        return
    graph = Graph(folder)
    {"gpt2": gpt2, "qwen3": qwen3}[graph.config["model_type"]](graph)
