// Encodes and decodes what comes on standard input, for tests/text/equality.py: many texts in one process.
//
//   tokenize_many DIRECTORY
//
// A request is a letter, a 32-bit count and that many elements, in the machine's byte order; so is every answer:
//   T bytes of a text     -> its ids, their text, and their text without special tokens
//   I ids                 -> their text, and their text without special tokens
//   B bytes of a text     -> nanoseconds that encoding it takes, the least of three, as one 64-bit number
// Each decoding is also done token by token, and the program fails where that gives something else or half a character.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "runtime/text/stream_decoder.h"
#include "runtime/text/tokenizer.h"
#include "runtime/text/unicode.h"

namespace {

using invar::Tokenizer;

template <class T>
std::vector<T> ReadMany() {
  uint32_t count = 0;
  if (std::fread(&count, sizeof(count), 1, stdin) != 1) throw std::runtime_error("the input ends within a request");
  std::vector<T> elements(count);
  if (std::fread(elements.data(), sizeof(T), count, stdin) != count) throw std::runtime_error("the input ends within a request");
  return elements;
}

template <class T>
void WriteMany(const T& elements) {
  const uint32_t count = static_cast<uint32_t>(elements.size());
  std::fwrite(&count, sizeof(count), 1, stdout);
  std::fwrite(elements.data(), sizeof(*elements.data()), count, stdout);
}

void WriteDecoded(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  for (const bool skip_special : {false, true}) {
    const std::string text = tokenizer.Decode(ids, skip_special);
    invar::StreamDecoder stream(tokenizer, skip_special);
    std::string streamed;
    for (const int32_t id : ids) {
      const std::string piece = stream.Push(id);
      if (!invar::IsValidUtf8(piece)) throw std::runtime_error("the stream gave half a character");
      streamed += piece;
    }
    streamed += stream.Flush();
    if (streamed != text) throw std::runtime_error("the stream gave '" + streamed + "' for '" + text + "'");
    WriteMany(text);
  }
}

void Serve(const Tokenizer& tokenizer) {
  for (int kind; (kind = std::getchar()) != EOF;) {
    if (kind == 'I') {
      WriteDecoded(tokenizer, ReadMany<int32_t>());
      continue;
    }
    const std::vector<char> bytes = ReadMany<char>();
    const std::string_view text(bytes.data(), bytes.size());
    if (kind == 'T') {
      const std::vector<int32_t> ids = tokenizer.Encode(text);
      WriteMany(ids);
      WriteDecoded(tokenizer, ids);
    } else {
      int64_t least = INT64_MAX;
      for (int i = 0; i < 3; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        const size_t count = tokenizer.Encode(text).size();
        const auto end = std::chrono::steady_clock::now();
        if (count > bytes.size() * 4 + 16) throw std::runtime_error("more tokens than the text can have");
        least = std::min<int64_t>(least, std::chrono::duration_cast<std::chrono::nanoseconds>(end - begin).count());
      }
      WriteMany(std::vector<int64_t>{least});
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 2) throw std::runtime_error("usage: tokenize_many DIRECTORY");
    Serve(Tokenizer::Load(argv[1]));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "tokenize_many: %s\n", e.what());
    return 1;
  }
  return 0;
}
