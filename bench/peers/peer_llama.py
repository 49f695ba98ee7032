"""llama.cpp through llama-cpp-python, its defaults for everything but the batch: an F16 cache of keys and values, flash
attention as it chooses. Variants: f32, bf16, q8_0; the path is a GGUF file."""
import ctypes

import llama_cpp
import numpy

silence = llama_cpp.llama_log_callback(lambda level, text, data: None)  # named, or it would be freed while it is in use
llama_cpp.llama_log_set(silence, ctypes.c_void_p(0))


class Peer:
    def __init__(self, variant):
        self.context = None

    def load(self, path, threads):
        self.threads = threads
        llama_cpp.llama_backend_init()
        parameters = llama_cpp.llama_model_default_params()
        parameters.n_gpu_layers = 0
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), parameters)
        if not self.model:
            raise RuntimeError(f"llama.cpp cannot open {path}")
        self.vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))
        return self.vocabulary

    def start(self, batch, length):
        if self.context is not None:
            llama_cpp.llama_free(self.context)
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = batch * (length + 255) // 256 * 256
        parameters.n_batch = max(512, batch * length)
        parameters.n_ubatch = 512
        parameters.n_seq_max = batch
        parameters.n_threads = parameters.n_threads_batch = self.threads
        self.context = llama_cpp.llama_init_from_model(self.model, parameters)
        if not self.context:
            raise RuntimeError("llama.cpp gives no context")
        self.at = 0

    def feed(self, ids):
        rows, count = len(ids), len(ids[0])
        batch = llama_cpp.llama_batch_init(rows * count, 0, 1)
        batch.n_tokens = rows * count
        for row in range(rows):
            for i in range(count):
                at = row * count + i
                batch.token[at] = ids[row][i]
                batch.pos[at] = self.at + i
                batch.n_seq_id[at] = 1
                batch.seq_id[at][0] = row
                batch.logits[at] = i == count - 1
        status = llama_cpp.llama_decode(self.context, batch)
        if status != 0:
            raise RuntimeError(f"llama_decode answers {status}")
        self.at += count
        last = [numpy.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self.context, row * count + count - 1),
                                         (self.vocabulary,)).copy() for row in range(rows)]
        llama_cpp.llama_batch_free(batch)
        return numpy.stack(last)
