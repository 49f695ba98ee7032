"""ggml's products of one row, y = w x, w [n][k]: asked as invar_peer.cc's matmul is. Of its library that llama-cpp-python holds,
eight products to a graph, so that what it takes to start one hardly counts."""
import ctypes
import importlib.util
import mmap
import pathlib
import sys

import numpy

import answering

THREADS = int(sys.argv[1])
CLOCK = answering.clock_of(THREADS)
TYPES = {"f32": 0, "f16": 1, "bf16": 30}  # ggml.h's
IN_A_GRAPH = 8
OVERHEAD = 64 << 20  # of a context, beside its weights: tensors' descriptions and graphs
HUGE = 2 << 20

# Without the package's own modules, which load more than this.
LIBRARIES = pathlib.Path(importlib.util.find_spec("llama_cpp").origin).parent / "lib"
base = ctypes.CDLL(str(LIBRARIES / "libggml-base.so"), mode=ctypes.RTLD_GLOBAL)
cpu = ctypes.CDLL(str(LIBRARIES / "libggml-cpu.so"))


class InitParameters(ctypes.Structure):
    _fields_ = [("mem_size", ctypes.c_size_t), ("mem_buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool)]


def declare(library, name, result, *arguments):
    function = getattr(library, name)
    function.restype, function.argtypes = result, arguments
    return function


POINTER = ctypes.c_void_p
init = declare(base, "ggml_init", POINTER, InitParameters)
free = declare(base, "ggml_free", None, POINTER)
new_tensor = declare(base, "ggml_new_tensor_2d", POINTER, POINTER, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
data_of = declare(base, "ggml_get_data", POINTER, POINTER)
multiply = declare(base, "ggml_mul_mat", POINTER, POINTER, POINTER, POINTER)
new_graph = declare(base, "ggml_new_graph", POINTER, POINTER)
expand = declare(base, "ggml_build_forward_expand", None, POINTER, POINTER)
compute = declare(base, "ggml_backend_graph_compute", ctypes.c_int, POINTER, POINTER)
narrow = {"f16": declare(base, "ggml_fp32_to_fp16_row", None, POINTER, POINTER, ctypes.c_int64),
          "bf16": declare(base, "ggml_fp32_to_bf16_row", None, POINTER, POINTER, ctypes.c_int64)}
backend = declare(cpu, "ggml_backend_cpu_init", POINTER)()
declare(cpu, "ggml_backend_cpu_set_n_threads", None, POINTER, ctypes.c_int)(backend, THREADS)


class HugePages:
    """Memory as invar's weights have it: on huge pages where the system grants them."""

    def __init__(self, size):
        self.map = mmap.mmap(-1, size + HUGE)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            self.map.madvise(mmap.MADV_HUGEPAGE)
        self.bytes = ctypes.c_char.from_buffer(self.map)
        self.address = -(-ctypes.addressof(self.bytes) // HUGE) * HUGE

    def free(self):
        del self.bytes
        self.map.close()


class Products:
    """Graphs over copies of one matrix, `least_bytes` of them, used in turn."""

    def __init__(self, n, k, kind, least_bytes):
        each = n * k * (4 if kind == "f32" else 2)
        copies = max(1, -(-least_bytes // each))
        copies = -(-copies // IN_A_GRAPH) * IN_A_GRAPH if copies > 1 else 1
        graphs = max(1, copies // IN_A_GRAPH)
        size = copies * (each + 1024) + OVERHEAD + graphs * (IN_A_GRAPH * (4 * n + 1024) + (1 << 18))
        self.memory = HugePages(size)
        self.context = init(InitParameters(size, self.memory.address, False))
        random = numpy.random.default_rng(0)
        w, x = (random.random(shape, dtype=numpy.float32) - 0.5 for shape in ((n, k), (1, k)))
        row = new_tensor(self.context, 0, k, 1)
        ctypes.memmove(data_of(row), x.ctypes.data, x.nbytes)
        weights = []
        for _ in range(copies):
            tensor = new_tensor(self.context, TYPES[kind], k, n)
            if kind == "f32":
                ctypes.memmove(data_of(tensor), w.ctypes.data, w.nbytes)
            else:
                narrow[kind](w.ctypes.data, data_of(tensor), n * k)
            weights.append(tensor)
        self.graphs, self.at, products = [], 0, []
        for first in range(0, graphs * IN_A_GRAPH, IN_A_GRAPH):
            graph = new_graph(self.context)
            for i in range(first, first + IN_A_GRAPH):
                products.append(multiply(self.context, weights[i % copies], row))
                expand(graph, products[-1])
            self.graphs.append(graph)
        self.run()  # the first, which makes buffers
        found = numpy.ctypeslib.as_array(ctypes.cast(data_of(products[0]), ctypes.POINTER(ctypes.c_float)), (n,))
        if not numpy.allclose(found, w @ x[0], atol=0.05):
            raise RuntimeError("ggml's product is another than numpy's")

    def run(self):
        graph = self.graphs[self.at % len(self.graphs)]
        self.at += 1
        start = CLOCK()
        status = compute(backend, graph)
        seconds = (CLOCK() - start) / IN_A_GRAPH
        if status != 0:
            raise RuntimeError(f"ggml_backend_graph_compute answers {status}")
        return seconds

    def free(self):
        free(self.context)
        self.memory.free()


made = {}


def answer(asked):
    key = tuple(asked[name] for name in ("n", "k", "type", "least_bytes"))
    if made.get("key") != key:
        made.pop("key", None)
        if "products" in made:
            made.pop("products").free()
        made["products"] = Products(*key)
        made["key"] = key
    repeats = asked["repeats"]
    return {"seconds": sorted(made["products"].run() for _ in range(repeats))[repeats // 2]}


answering.serve(answer, answering.claim_output())
