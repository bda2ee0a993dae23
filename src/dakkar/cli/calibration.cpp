#include "dakkar/cli/calibration.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "dakkar/base/json.h"
#include "dakkar/weights/text_file.h"

namespace dak {
namespace {

/// Cuts a document's ids into sequences until the limits are reached.
void add_document(const std::vector<TokenId>& ids, const CalibrationLimits& limits,
                  Calibration& to) {
  auto left = limits.tokens - to.tokens();
  for (auto begin = ids.begin(); begin != ids.end() && left > 0;) {
    const int64_t count = std::min({limits.sequence, left, ids.end() - begin});
    to.sequences.emplace_back(begin, begin + count);
    begin += count;
    left -= count;
  }
}

Status add_text(std::string_view text, const Tokenizer& tokenizer, const CalibrationLimits& limits,
                Calibration& to) {
  const Result<std::vector<TokenId>> ids = tokenizer.encode(text, AddSpecialTokens::kYes);
  if (!ids) {
    return fail(ids.error());
  }
  add_document(*ids, limits, to);
  return {};
}

Status add_lines(std::string_view text, const Tokenizer& tokenizer, const CalibrationLimits& limits,
                 Calibration& to) {
  int64_t number = 0;
  for (size_t at = 0; at < text.size() && to.tokens() < limits.tokens;) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    at = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
      continue;
    }
    const Result<JsonDocument> document = JsonDocument::parse(line);
    if (!document) {
      return fail_in(fmt::format("line {}", number), document.error());
    }
    const Result<std::string> own = required_string(document->root(), "text");
    if (!own) {
      return fail_in(fmt::format("line {}", number), own.error());
    }
    if (const Status added = add_text(*own, tokenizer, limits, to); !added) {
      return added;
    }
  }
  return {};
}

/// Ids that look like nothing: each is a fixed function of its place.
std::vector<TokenId> drawn_ids(int64_t vocab, int64_t count) {
  std::vector<TokenId> ids;
  uint64_t state = 1;
  for (int64_t i = 0; i < count; ++i) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    ids.push_back(static_cast<TokenId>((state >> 33U) % static_cast<uint64_t>(vocab)));
  }
  return ids;
}

}  // namespace

int64_t Calibration::tokens() const {
  int64_t sum = 0;
  for (const std::vector<TokenId>& ids : sequences) {
    sum += std::ssize(ids);
  }
  return sum;
}

Result<Calibration> read_calibration(const std::string& file, const Tokenizer* tokenizer,
                                     int64_t vocab, const CalibrationLimits& limits) {
  Calibration made;
  if (tokenizer == nullptr) {
    if (!file.empty()) {
      return fail(ErrorCode::kNotFound,
                  "the model has no tokenizer.json, so no text can be run through it",
                  "calibration");
    }
    made.source = "drawn token ids (the model has no tokenizer)";
    add_document(drawn_ids(vocab, limits.tokens), limits, made);
    return made;
  }
  if (file.empty()) {
    made.source = "the built-in text";
    const Status added = add_text(calibration_text(), *tokenizer, limits, made);
    return added ? Result<Calibration>(std::move(made)) : fail(added.error());
  }
  const Result<std::string> text = read_text_file(file);
  if (!text) {
    return fail(text.error());
  }
  made.source = file;
  const Status added = file.ends_with(".jsonl") ? add_lines(*text, *tokenizer, limits, made)
                                                : add_text(*text, *tokenizer, limits, made);
  if (!added) {
    return fail_in(file, added.error());
  }
  if (made.sequences.empty()) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} holds no text", file), "calibration");
  }
  return made;
}

}  // namespace dak
