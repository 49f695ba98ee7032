"""OpenVINO's CPU plugin over the graph of onnx_graph.py, its keys and values made states. binary32 is asked for: by itself the
plugin computes in bfloat16 where the processor has it."""
import json
import os

import numpy
import openvino
from openvino._offline_transformations import apply_make_stateful_transformation

import onnx_graph


class Peer:
    def __init__(self, variant):
        pass

    def prepare(self, folder):
        onnx_graph.write(folder)

    def load(self, folder, threads):
        core = openvino.Core()
        model = core.read_model(os.path.join(folder, "model.onnx"))
        names = [one.get_any_name() for one in model.inputs]
        self.positions = "positions" in names
        states = {name: name.replace("past_", "present_") for name in names if name.startswith("past_")}
        apply_make_stateful_transformation(model, states)
        compiled = core.compile_model(model, "CPU", {
            "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32",
            "PERFORMANCE_HINT": "LATENCY"})
        self.request = compiled.create_infer_request()
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
            return json.load(f)["vocab_size"]

    def start(self, batch, length):
        for state in self.request.query_state():
            shape = list(state.state.shape)
            state.state = openvino.Tensor(numpy.zeros((batch, shape[1], 0, shape[3]), numpy.float32))
        self.at = 0

    def feed(self, ids):
        rows, count = len(ids), len(ids[0])
        # One length for all rows: its translation of the operator takes no more, and all are of one length here.
        inputs = {"ids": numpy.array(ids, numpy.int64), "lengths": numpy.full(1, self.at + count - 1, numpy.int32),
                  "total": numpy.array(self.at + count, numpy.int32)}
        if self.positions:
            inputs["positions"] = numpy.tile(numpy.arange(self.at, self.at + count, dtype=numpy.int64), (rows, 1))
        self.at += count
        return self.request.infer(inputs)["logits"].copy()
