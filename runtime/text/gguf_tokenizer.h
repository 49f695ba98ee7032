// The tokenizer that a GGUF file embeds, written as the files of a Hugging Face checkpoint: so there is one reader of
// vocabularies, and a file can be converted back.
#pragma once

#include <nlohmann/json.hpp>

#include "runtime/weights/gguf.h"

namespace invar {

// tokenizer.json of tokenizer.ggml.*: byte-level BPE ("gpt2") with the splitters of GPT-2, Qwen2 and Llama 3, or
// SentencePiece's ("llama"), whose merges are made from the scores as transformers makes them. Throws Error; what is not
// supported is named.
//
// What the file does not say is what the published tokenizers do: qwen2 composes text to NFC, llama-bpe ignores merges where
// a whole piece is a token, and SentencePiece's blank comes before every part of a text between special tokens. An added
// token takes no blanks around it (lstrip, rstrip) and may stand within a word.
nlohmann::ordered_json GgufTokenizer(const GgufFile& file);

// tokenizer_config.json: bos_token and the like, chat_template where there is one.
nlohmann::ordered_json GgufTokenizerConfig(const GgufFile& file);

}  // namespace invar
