"""CTranslate2, from its own conversion of the checkpoint. It offers whole generations and no step of one: decoding is timed
from token to token, of its own choice, and the logits after a fed token are those of a longer prompt. The one cut that
it offers is between a cached static prompt and the rest."""
import os
import shutil

import ctranslate2
import numpy

import answering


class Names:
    """A vocabulary for a checkpoint that has no tokenizer: every id is called by its number."""
    def __init__(self, size):
        self.size = size
        self.bos_token = self.pad_token = self.unk_token = "t0"
        self.eos_token = f"t{size - 1}"

    def get_vocab(self):
        return {f"t{i}": i for i in range(self.size)}


class Converter(ctranslate2.converters.TransformersConverter):
    def load_tokenizer(self, tokenizer_class, path, **kwargs):
        import transformers
        return Names(transformers.AutoConfig.from_pretrained(path).vocab_size)


class Peer:
    def __init__(self, variant):
        pass

    def prepare(self, folder):
        target = os.path.join(folder, "ctranslate2")
        if not os.path.exists(target):
            shutil.rmtree(target + ".partial", ignore_errors=True)
            Converter(folder).convert(target + ".partial", quantization="float32")
            os.replace(target + ".partial", target)

    def load(self, folder, threads):
        import json
        self.generator = ctranslate2.Generator(os.path.join(folder, "ctranslate2"), device="cpu", compute_type="float32",
                                               inter_threads=1, intra_threads=threads)
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
            return json.load(f)["vocab_size"]

    def generate(self, ids, steps, **options):
        names = [[f"t{i}" for i in row] for row in ids]
        return self.generator.generate_batch(names, max_length=steps, include_prompt_in_result=False,
                                             **{"min_length": steps, **options})

    def prefill(self, asked):
        start = answering.clock()
        self.generate([asked["ids"]], 1)
        return {"seconds": answering.clock() - start}

    def decode(self, asked):
        """From token to token, as it tells of them: the first two come of the prompt and of a step that is not counted."""
        stamps = []
        def told(result):
            if result.batch_id == 0:
                stamps.append(answering.clock())
            return False
        self.generate(asked["context"], 2 + len(asked["steps"]), callback=told)
        return {"seconds": (stamps[-1] - stamps[1]) / (len(stamps) - 2)}

    def logits(self, asked):
        kept = []
        for fed in range(1 + len(asked["forced"])):
            ids = [row + asked["forced"][:fed] for row in asked["sequences"]]
            options = {}
            if len(asked["cuts"]) > 1:
                cut = asked["cuts"][0] + asked["cuts"][1]
                options = {"static_prompt": [f"t{i}" for i in ids[0][:cut]], "cache_static_prompt": True}
                ids = [row[cut:] for row in ids]
            # A least length would take the end's logit away.
            results = self.generate(ids, 1, return_logits_vocab=True, min_length=0, **options)
            one = results[asked["row"]].logits[0]
            kept.append(numpy.array(one[0] if isinstance(one, list) else one, dtype=numpy.float32).reshape(-1))
        return kept
