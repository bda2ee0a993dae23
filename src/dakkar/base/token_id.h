#pragma once

#include <cstdint>

namespace dak {

/// A row of the embedding table: what the tokenizer gives and the model takes. Never negative.
using TokenId = int32_t;

}  // namespace dak
