// tokenizer.json: whatever is accepted encodes and decodes any text, to ids of its own and to UTF-8.
#include <vector>

#include "runtime/text/stream_decoder.h"
#include "runtime/text/tokenizer.h"
#include "runtime/text/unicode.h"
#include "tests/fuzz/fuzz.h"

using namespace invar;
using namespace invar::fuzzing;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view json = Text(data, size);
  Accepts([&] {
    const Tokenizer tokenizer = Tokenizer::Parse(json, "tokenizer.json");
    // The file's own words are the likeliest to hit its tokens.
    const std::string texts[] = {"", " ", "Hello  world's\n\t 42", "e\xCC\x81 \xE6\x97\xA5\xE2\x96\x81 <s></s> <0x41>",
                                 "\xFF\xC0\x80 \xF0\x9F", std::string(60, 'a'), std::string(json.substr(0, 256)),
                                 std::string(json.substr(json.size() - json.size() / 4))};
    for (const std::string& text : texts) {
      for (const bool special : {false, true}) {
        const std::vector<int32_t> ids = tokenizer.Encode(text, special);
        for (const int32_t id : ids) {
          Require(id >= 0 && static_cast<size_t>(id) < tokenizer.vocab_size(), "an id is of the vocabulary");
        }
        const std::string decoded = tokenizer.Decode(ids, special);
        Require(ValidUtf8(decoded) == decoded, "decoded text is UTF-8");
        StreamDecoder stream(tokenizer, special, false);
        std::string streamed;
        for (const int32_t id : ids) streamed += stream.Push(id);
        streamed += stream.Flush();
        Require(streamed == decoded, "a stream of tokens gives the same text");
      }
    }
    Require(tokenizer.TokenBytes(-1).empty() && tokenizer.TokenBytes(INT32_MAX).empty(), "other ids are no tokens");
  });
  return 0;
}
