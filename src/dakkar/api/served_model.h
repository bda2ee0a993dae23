#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dakkar/weights/model_config.h"

namespace dak {

/// What one request may ask for at most.
struct RequestLimits {
  int64_t max_n = 8;          ///< choices per prompt
  int64_t max_choices = 128;  ///< prompts times choices of one request
  int64_t max_logprobs = 20;  ///< alternatives per token
  int64_t max_stop_strings = 16;
  int64_t max_stop_bytes = 256;  ///< of one stop string
};

/// The model that a server answers for, as clients see it.
struct ServedModel {
  std::vector<std::string> names;  ///< at least one; the first is the model's own, others aliases
  std::string root;                ///< folder or hub id that clients load a tokenizer from
  std::string fingerprint;         ///< build and checkpoint, changes when answers may change
  int64_t created = 0;             ///< Unix seconds
  int64_t max_model_len = 0;       ///< tokens of prompt and output
  int64_t trained_len = 0;         ///< tokens that it was trained on; 0: as many
  int64_t vocab = 0;               ///< V: ids are below it
  GenerationDefaults defaults;
  RequestLimits limits;
};

}  // namespace dak
