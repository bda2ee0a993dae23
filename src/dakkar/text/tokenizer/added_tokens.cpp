#include "dakkar/text/tokenizer/added_tokens.h"

#include <algorithm>

#include <fmt/core.h>

#include "dakkar/text/tokenizer/unicode.h"
#include "dakkar/text/tokenizer/utf8.h"

namespace dak::tok {
namespace {

std::string_view last_character(std::string_view text) {
  size_t at = text.size();
  while (at > 0 && (static_cast<uint8_t>(text[--at]) & 0xC0U) == 0x80U) {
  }
  return text.substr(at);
}

std::string_view first_character(std::string_view text) {
  return text.substr(0, static_cast<size_t>(first_code_point(text).size));
}

/// Begin of the white space that ends at `end`, not before `least`.
int64_t space_begin(std::string_view text, int64_t least, int64_t end) {
  while (end > least) {
    const std::string_view last = last_character(text.substr(0, static_cast<size_t>(end)));
    if (!is_white_space(first_code_point(last).value)) {
      break;
    }
    end -= static_cast<int64_t>(last.size());
  }
  return end;
}

int64_t space_end(std::string_view text, int64_t begin) {
  while (begin < static_cast<int64_t>(text.size())) {
    const CodePoint c = first_code_point(text.substr(static_cast<size_t>(begin)));
    if (!is_white_space(c.value)) {
      break;
    }
    begin += c.size;
  }
  return begin;
}

}  // namespace

Result<AddedTokens> AddedTokens::create(const std::vector<AddedToken>& tokens,
                                        const Vocabulary& vocabulary,
                                        const Normalizer& normalizer) {
  Result<Pattern> word = Pattern::create_regex(fmt::format("[{}]", kRustWordRanges));
  if (!word) {
    return fail(std::move(word.error()));
  }
  AddedTokens added(std::move(*word));
  if (const Status done = added.assign_ids(tokens, vocabulary); !done) {
    return fail(done.error());
  }
  if (const Status done = added.build_tries(normalizer); !done) {
    return fail(done.error());
  }
  return added;
}

Status AddedTokens::assign_ids(const std::vector<AddedToken>& tokens,
                               const Vocabulary& vocabulary) {
  int64_t next_id = vocabulary.size();
  for (const AddedToken& token : tokens) {
    if (token.content.empty()) {
      continue;
    }
    TokenId id = find(token.content);
    id = id < 0 ? vocabulary.find(token.content) : id;
    if (id < 0) {
      if (next_id >= kMaxTokenId) {
        return fail(ErrorCode::kCorruptFile, "too many tokens");
      }
      id = static_cast<TokenId>(next_id++);
    }
    ids_[token.content] = id;
    if (token.special) {
      special_.insert(token.content);
    }
    by_id_[id] = token;
  }
  return {};
}

Status AddedTokens::build_tries(const Normalizer& normalizer) {
  for (const auto& [id, token] : by_id_) {
    std::string text = token.content;
    if (token.normalized && !normalizer.is_identity()) {
      Result<AlignedText> normal = normalizer.apply(text, 0);
      if (!normal) {
        return fail(std::move(normal.error()));
      }
      text = std::move(normal->text);
      if (text != token.content) {
        normalized_text_[id] = text;
      }
    }
    if (text.empty() || !insert(token.normalized ? normalized_ : raw_, text, id)) {
      return fail(ErrorCode::kCorruptFile,
                  fmt::format("added token '{}' is empty or the same as another once normalized",
                              token.content));
    }
  }
  return {};
}

bool AddedTokens::insert(Trie& trie, std::string_view text, TokenId id) {
  int32_t node = 0;
  trie.starts[static_cast<uint8_t>(text[0])] = true;
  for (const char c : text) {
    auto& children = trie.nodes[static_cast<size_t>(node)].children;
    const std::pair<uint8_t, int32_t> wanted{static_cast<uint8_t>(c), 0};
    const auto at = std::lower_bound(children.begin(), children.end(), wanted);
    if (at != children.end() && at->first == wanted.first) {
      node = at->second;
      continue;
    }
    node = static_cast<int32_t>(trie.nodes.size());
    children.insert(at, {wanted.first, node});
    trie.nodes.emplace_back();
  }
  TokenId& slot = trie.nodes[static_cast<size_t>(node)].id;
  const bool is_new = slot < 0;
  slot = id;
  return is_new;
}

bool AddedTokens::is_word(std::string_view character) const {
  std::vector<Match> matches;
  const Status found = word_.find_all(character, matches);
  return found && !matches.empty() && matches.front().matched;
}

bool AddedTokens::stands_alone(std::string_view text, const AddedMatch& match) const {
  const std::string_view before = text.substr(0, static_cast<size_t>(match.begin));
  const std::string_view behind = text.substr(static_cast<size_t>(match.end));
  return (before.empty() || !is_word(last_character(before))) &&
         (behind.empty() || !is_word(first_character(behind)));
}

void AddedTokens::find_all(std::string_view text, Stage stage, const MayMatch& may_match,
                           std::vector<AddedMatch>& out) const {
  out.clear();
  const std::vector<Node>& nodes = trie(stage).nodes;
  const auto& starts = trie(stage).starts;
  const auto size = static_cast<int64_t>(text.size());
  // The longest token that starts at `begin` and may be recognised there.
  const auto longest_at = [&](int64_t begin) {
    AddedMatch best{begin, begin, -1};
    int32_t node = 0;
    for (int64_t at = begin; at < size; ++at) {
      const auto& children = nodes[static_cast<size_t>(node)].children;
      const auto byte = static_cast<uint8_t>(text[static_cast<size_t>(at)]);
      const auto child =
          std::lower_bound(children.begin(), children.end(), std::pair<uint8_t, int32_t>{byte, 0});
      if (child == children.end() || child->first != byte) {
        break;
      }
      node = child->second;
      const TokenId id = nodes[static_cast<size_t>(node)].id;
      if (id >= 0 && may_match(begin, at + 1)) {
        best = {begin, at + 1, id};
      }
    }
    return best;
  };
  int64_t covered = 0;
  for (int64_t at = 0; at < size;) {
    const bool possible = starts[static_cast<uint8_t>(text[static_cast<size_t>(at)])];
    AddedMatch match = possible ? longest_at(at) : AddedMatch{};
    if (match.id < 0) {
      ++at;
      continue;
    }
    at = match.end;
    const AddedToken& token = by_id_.at(match.id);
    if (token.single_word && !stands_alone(text, match)) {
      continue;
    }
    if (token.lstrip) {
      match.begin =
          std::max(covered, space_begin(text, std::min(covered, match.begin), match.begin));
    }
    if (token.rstrip) {
      match.end = space_end(text, match.end);
    }
    if (covered < match.begin) {
      out.push_back({covered, match.begin, -1});
    }
    out.push_back(match);
    covered = match.end;
  }
  if (covered != size) {
    out.push_back({covered, size, -1});
  }
}

TokenId AddedTokens::find(std::string_view content) const {
  const auto found = ids_.find(std::string(content));
  return found == ids_.end() ? -1 : found->second;
}

std::optional<std::string_view> AddedTokens::spelling(TokenId id) const {
  if (const auto found = normalized_text_.find(id); found != normalized_text_.end()) {
    return found->second;
  }
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? std::nullopt
                               : std::optional<std::string_view>(found->second.content);
}

}  // namespace dak::tok
