"""ONNX Runtime's CPU provider: the graph of onnx_graph.py, keys and values in buffers that inputs and outputs share."""
import json
import os

import numpy
import onnxruntime

import onnx_graph


class Peer:
    def __init__(self, variant):
        pass

    def prepare(self, folder):
        onnx_graph.write(folder)

    def load(self, folder, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        path = os.path.join(folder, "model.onnx")
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
            self.vocabulary = json.load(f)["vocab_size"]
        self.past = [one for one in self.session.get_inputs() if one.name.startswith("past_")]
        self.positions = any(one.name == "positions" for one in self.session.get_inputs())
        return self.vocabulary

    def start(self, batch, length):
        self.at = 0
        self.buffers = {}
        for one in self.past:
            shape = (batch, one.shape[1], length, one.shape[3])
            self.buffers[one.name] = onnxruntime.OrtValue.ortvalue_from_numpy(numpy.zeros(shape, numpy.float32))

    def feed(self, ids):
        rows, count = len(ids), len(ids[0])
        binding = self.session.io_binding()
        binding.bind_cpu_input("ids", numpy.array(ids, numpy.int64))
        if self.positions:
            at = numpy.arange(self.at, self.at + count, dtype=numpy.int64)
            binding.bind_cpu_input("positions", numpy.ascontiguousarray(numpy.broadcast_to(at, (rows, count))))
        binding.bind_cpu_input("lengths", numpy.full(rows, self.at + count - 1, numpy.int32))
        binding.bind_cpu_input("total", numpy.array(self.at + count, numpy.int32))
        for name, buffer in self.buffers.items():
            binding.bind_ortvalue_input(name, buffer)
            binding.bind_ortvalue_output(name.replace("past_", "present_"), buffer)
        binding.bind_output("logits")
        self.session.run_with_iobinding(binding)
        self.at += count
        return binding.get_outputs()[-1].numpy()
