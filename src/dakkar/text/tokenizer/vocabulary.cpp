#include "dakkar/text/tokenizer/vocabulary.h"

#include <fmt/core.h>

namespace dak::tok {

Status Vocabulary::add(std::string_view token, int64_t id) {
  if (id < 0 || id >= kMaxTokenId) {
    return fail(ErrorCode::kCorruptFile,
                fmt::format("token '{}' has id {}, not in [0, {})", token, id, kMaxTokenId));
  }
  if (ids_.find(token) >= 0) {
    return fail(ErrorCode::kCorruptFile, fmt::format("token '{}' appears twice", token));
  }
  const auto index = static_cast<size_t>(id);
  if (index >= tokens_.size()) {
    tokens_.resize(index + 1);
  }
  if (tokens_[index]) {
    return fail(ErrorCode::kCorruptFile,
                fmt::format("tokens '{}' and '{}' share id {}", *tokens_[index], token, id));
  }
  tokens_[index] = token;
  ids_.set(token, static_cast<TokenId>(id));
  return {};
}

std::optional<std::string_view> Vocabulary::spelling(TokenId id) const {
  const auto index = static_cast<size_t>(id);
  if (id < 0 || index >= tokens_.size() || !tokens_[index]) {
    return std::nullopt;
  }
  return *tokens_[index];
}

}  // namespace dak::tok
