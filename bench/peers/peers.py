"""The engines that are compared, in the order of the tables. Python's standard library alone: this is read before anything
is installed."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Peer:
    name: str         # in tables and for --only
    module: str       # peer_<module>.py, with its variant after a colon
    path: str         # below a model's folder
    against: str      # the storage type of the invar that it is compared with
    packages: tuple   # of requirements.txt
    title: str
    prepares: bool = False  # has files of its own to make of the model's


PEERS = (
    Peer("pytorch-f32", "torch:f32", "f32", "f32", ("torch", "transformers"), "transformers + PyTorch, float32"),
    Peer("pytorch-bf16", "torch:bf16", "bf16", "bf16", ("torch", "transformers"), "transformers + PyTorch, bfloat16"),
    Peer("llama-f32", "llama:f32", "f32.gguf", "f32", ("llama-cpp-python",), "llama.cpp, F32"),
    Peer("llama-bf16", "llama:bf16", "bf16.gguf", "bf16", ("llama-cpp-python",), "llama.cpp, BF16"),
    Peer("llama-q8_0", "llama:q8_0", "q8_0.gguf", "bf16", ("llama-cpp-python",), "llama.cpp, Q8_0 (half of BF16's bytes)"),
    Peer("onnxruntime", "onnxruntime:f32", "f32", "f32", ("onnx", "onnxruntime"), "ONNX Runtime, float32", True),
    Peer("openvino", "openvino:f32", "f32", "f32", ("onnx", "openvino"), "OpenVINO, float32 asked for", True),
    Peer("ctranslate2", "ctranslate2:f32", "f32", "f32", ("ctranslate2", "transformers"), "CTranslate2, float32", True),
)
MODELS = {"gpt2-124m": 50257, "qwen3-0.6b": 151936}  # and their vocabularies


def chosen(names):
    """Peers by name or by the beginning of one. Raises ValueError with a sentence."""
    if not names:
        return list(PEERS)
    found = []
    for name in names:
        matching = [peer for peer in PEERS if peer.name.startswith(name)]
        if not matching:
            raise ValueError(f"--only {name}: there is no such peer; --list names them")
        found += matching
    return [peer for peer in PEERS if peer in found]
