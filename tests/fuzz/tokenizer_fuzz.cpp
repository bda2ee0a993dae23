// tokenizer.json, then a few texts there and back with whatever tokenizer it makes.

#include <string>
#include <string_view>
#include <vector>

#include "dakkar/text/tokenizer.h"
#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto tokenizer = dak::Tokenizer::parse({reinterpret_cast<const char*>(data), size});
  if (!tokenizer) {
    return 0;
  }
  const std::string spaces(300, ' ');
  for (const std::string_view text :
       {std::string_view(), std::string_view("Hello, world! 12345"),
        std::string_view("<|im_end|>\n<s>  caf\xC3\xA9 \xE4\xB8\xAD"),
        std::string_view("\xFF\xF0\x9F\0x", 5), std::string_view(spaces)}) {
    const auto ids = tokenizer->encode(text, dak::AddSpecialTokens::kYes);
    if (ids) {
      (void)tokenizer->decode(*ids, dak::SkipSpecialTokens::kYes);
    }
  }
  const std::vector<dak::TokenId> ids = {-1, 0, 1, 255, 256, 2147483647};
  (void)tokenizer->decode(ids, dak::SkipSpecialTokens::kNo);
  (void)tokenizer->id_of("<s>");
  return 0;
}
