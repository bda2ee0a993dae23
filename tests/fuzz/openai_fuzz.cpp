// Bodies of the OpenAI routes and of /tokenize and /detokenize, one after another.

#include <string_view>

#include "dakkar/api/openai_parse.h"
#include "dakkar/api/tokenize.h"
#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  dak::ServedModel model;
  model.names = {"tiny", "alias"};
  model.max_model_len = 1000;
  model.vocab = 256;
  model.defaults.eos_ids = {2};
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  for (const auto route : {dak::OpenAiRoute::kChat, dak::OpenAiRoute::kCompletions}) {
    (void)dak::parse_openai({.body = body, .id = "id", .model = model, .route = route});
  }
  const dak::CheckpointText text;
  (void)dak::answer_tokenize(body, text, model);
  (void)dak::answer_detokenize(body, text, model);
  return 0;
}
