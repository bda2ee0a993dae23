#include "dakkar/text/tokenizer/bpe.h"

#include <algorithm>

#include <fmt/core.h>

#include "dakkar/text/tokenizer/byte_alphabet.h"
#include "dakkar/text/tokenizer/utf8.h"

namespace dak::tok {
namespace {

constexpr size_t kFewSymbols = 32;

uint64_t pair_of(TokenId left, TokenId right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

/// Orders a heap so that its top has the least rank, then the leftmost place.
bool comes_later(const BpeScratch::Candidate& a, const BpeScratch::Candidate& b) {
  return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
}

}  // namespace

Result<Bpe> Bpe::create(const Vocabulary& vocabulary, const std::vector<MergePair>& merges,
                        BpeOptions options) {
  Bpe bpe(vocabulary, std::move(options));
  if (const Status done = bpe.add_merges(merges); !done) {
    return fail(done.error());
  }
  return bpe;
}

Bpe::Bpe(const Vocabulary& vocabulary, BpeOptions options)
    : vocabulary_(&vocabulary), options_(std::move(options)) {
  for (uint32_t byte = 0; byte < 256; ++byte) {
    byte_tokens_[byte] = vocabulary.find(fmt::format("<0x{:02X}>", byte));
    std::string letter;
    append_utf8(letter_of_byte(static_cast<uint8_t>(byte)), letter);
    byte_ids_[byte] = vocabulary.find(letter);
  }
  if (options_.unk_token) {
    unk_id_ = vocabulary.find(*options_.unk_token);
  }
  for (TokenId id = 0; options_.form == PieceForm::kBytes && id < vocabulary.id_limit(); ++id) {
    const std::optional<std::string_view> token = vocabulary.spelling(id);
    const std::optional<std::string> bytes = token ? bytes_of_letters(*token) : std::nullopt;
    if (bytes) {
      pieces_.set(*bytes, id);
    }
  }
}

Status Bpe::add_merges(const std::vector<MergePair>& merges) {
  size_t slots = 64;
  while (slots < 2 * merges.size()) {
    slots *= 2;
  }
  merges_.resize(slots);
  int32_t rank = 0;
  for (const auto& [left, right] : merges) {
    const TokenId left_id = vocabulary_->find(left);
    const TokenId right_id = vocabulary_->find(right);
    const bool prefixed = right.size() >= options_.continuing_prefix.size();
    const TokenId merged =
        prefixed ? vocabulary_->find(left + right.substr(options_.continuing_prefix.size())) : -1;
    if (left_id < 0 || right_id < 0 || merged < 0) {
      return fail(ErrorCode::kCorruptFile,
                  fmt::format("merge {} ('{}' and '{}') names a token that the vocabulary lacks",
                              rank, left, right));
    }
    const uint64_t pair = pair_of(left_id, right_id);
    merges_[merge_slot(pair)] = {pair, rank, merged};
    ++rank;
  }
  return {};
}

size_t Bpe::merge_slot(uint64_t pair) const {
  const size_t mask = merges_.size() - 1;
  const uint64_t hash = pair * 0x9E3779B97F4A7C15ULL;
  size_t i = (hash ^ (hash >> 32)) & mask;
  while (merges_[i].rank >= 0 && merges_[i].pair != pair) {
    i = (i + 1) & mask;
  }
  return i;
}

Bpe::Merge Bpe::find_merge(TokenId left, TokenId right) const {
  return merges_[merge_slot(pair_of(left, right))];
}

TokenId Bpe::whole_piece(std::string_view piece) const {
  if (!options_.ignore_merges) {
    return -1;
  }
  return options_.form == PieceForm::kBytes ? pieces_.find(piece) : vocabulary_->find(piece);
}

Status Bpe::encode(std::string_view piece, BpeScratch& scratch, std::vector<TokenId>& out) const {
  scratch.ids.clear();
  if (const Status done = split_into_symbols(piece, scratch.ids); !done) {
    return done;
  }
  scratch.steps += static_cast<int64_t>(scratch.ids.size());
  if (scratch.ids.size() <= kFewSymbols) {
    merge_few(scratch);
  } else {
    merge_many(scratch);
  }
  out.insert(out.end(), scratch.ids.begin(), scratch.ids.end());
  return {};
}

Status Bpe::split_into_symbols(std::string_view piece, std::vector<TokenId>& ids) const {
  const bool bytes = options_.form == PieceForm::kBytes;
  const bool plain = options_.continuing_prefix.empty() && options_.end_suffix.empty();
  int64_t pending = 0;
  for (size_t at = 0; at < piece.size();) {
    const auto byte = static_cast<uint8_t>(piece[at]);
    if (bytes && plain && pending == 0 && byte_ids_[byte] >= 0) {
      ids.push_back(byte_ids_[byte]);
      ++at;
      continue;
    }
    const size_t size = bytes ? 1 : static_cast<size_t>(first_code_point(piece.substr(at)).size);
    std::string symbol = at > 0 ? options_.continuing_prefix : std::string();
    if (bytes) {
      append_utf8(letter_of_byte(byte), symbol);
    } else {
      symbol += piece.substr(at, size);
    }
    at += size;
    if (at == piece.size()) {
      symbol += options_.end_suffix;
    }
    if (const Status done = append_symbol(std::move(symbol), pending, ids); !done) {
      return done;
    }
  }
  ids.insert(ids.end(), static_cast<size_t>(pending), unk_id_);
  return {};
}

/// Appends one symbol. `pending` counts unknown tokens that are due: the library writes them when
/// the next known symbol comes, so byte tokens overtake them.
Status Bpe::append_symbol(std::string symbol, int64_t& pending, std::vector<TokenId>& ids) const {
  const TokenId id = vocabulary_->find(symbol);
  if (id >= 0) {
    ids.insert(ids.end(), static_cast<size_t>(pending), unk_id_);
    pending = 0;
    ids.push_back(id);
    return {};
  }
  if (options_.byte_fallback && append_byte_tokens(symbol, ids)) {
    return {};
  }
  if (!options_.unk_token) {
    return {};
  }
  if (unk_id_ < 0) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("'{}' has no token and the unknown token '{}' is not in the vocabulary",
                            symbol, *options_.unk_token));
  }
  if (pending > 0 && !options_.fuse_unk) {
    ids.push_back(unk_id_);
  }
  pending = 1;
  return {};
}

bool Bpe::append_byte_tokens(std::string_view symbol, std::vector<TokenId>& ids) const {
  const auto token_of = [&](char byte) { return byte_tokens_[static_cast<uint8_t>(byte)]; };
  if (!std::all_of(symbol.begin(), symbol.end(), [&](char byte) { return token_of(byte) >= 0; })) {
    return false;
  }
  std::transform(symbol.begin(), symbol.end(), std::back_inserter(ids), token_of);
  return true;
}

/// Searches all pairs for the least rank again and again: for short pieces faster than a heap.
void Bpe::merge_few(BpeScratch& scratch) const {
  std::vector<TokenId>& ids = scratch.ids;
  if (ids.size() < 2) {
    return;
  }
  std::array<Merge, kFewSymbols> pairs;
  size_t count = ids.size() - 1;
  for (size_t i = 0; i < count; ++i) {
    pairs[i] = find_merge(ids[i], ids[i + 1]);
  }
  while (count > 0) {
    size_t best = count;
    for (size_t i = 0; i < count; ++i) {
      const bool better = pairs[i].rank >= 0 && (best == count || pairs[i].rank < pairs[best].rank);
      best = better ? i : best;
    }
    scratch.steps += static_cast<int64_t>(count);
    if (best == count) {
      return;
    }
    ids[best] = pairs[best].id;
    ids.erase(ids.begin() + static_cast<int64_t>(best) + 1);
    std::copy(pairs.begin() + static_cast<int64_t>(best) + 1,
              pairs.begin() + static_cast<int64_t>(count),
              pairs.begin() + static_cast<int64_t>(best));
    --count;
    if (best < count) {
      pairs[best] = find_merge(ids[best], ids[best + 1]);
    }
    if (best > 0) {
      pairs[best - 1] = find_merge(ids[best - 1], ids[best]);
    }
  }
}

/// Keeps candidates in a heap and the symbols in a list; outdated candidates are passed over.
void Bpe::merge_many(BpeScratch& scratch) const {
  auto& symbols = scratch.symbols;
  auto& heap = scratch.candidates;
  symbols.clear();
  heap.clear();
  const auto count = static_cast<int32_t>(scratch.ids.size());
  for (int32_t i = 0; i < count; ++i) {
    symbols.push_back(
        {scratch.ids[static_cast<size_t>(i)], i - 1, i + 1 < count ? i + 1 : -1, false});
  }
  const auto symbol_at = [&](int32_t i) -> BpeScratch::Symbol& {
    return symbols[static_cast<size_t>(i)];
  };
  const auto propose = [&](int32_t left) {
    const int32_t right = left < 0 ? -1 : symbol_at(left).next;
    if (right < 0) {
      return false;
    }
    const Merge merge = find_merge(symbol_at(left).id, symbol_at(right).id);
    if (merge.rank >= 0) {
      heap.push_back({merge.rank, left, merge.id});
    }
    return merge.rank >= 0;
  };
  for (int32_t i = 0; i < count; ++i) {
    propose(i);
  }
  std::make_heap(heap.begin(), heap.end(), comes_later);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), comes_later);
    const BpeScratch::Candidate top = heap.back();
    heap.pop_back();
    ++scratch.steps;
    BpeScratch::Symbol& left = symbol_at(top.position);
    if (left.merged || left.next < 0 || find_merge(left.id, symbol_at(left.next).id).id != top.id) {
      continue;
    }
    BpeScratch::Symbol& right = symbol_at(left.next);
    left.id = top.id;
    left.next = right.next;
    right.merged = true;
    if (left.next >= 0) {
      symbol_at(left.next).previous = top.position;
    }
    for (const int32_t position : {left.previous, top.position}) {
      if (propose(position)) {
        std::push_heap(heap.begin(), heap.end(), comes_later);
      }
    }
  }
  scratch.ids.clear();
  for (const BpeScratch::Symbol& symbol : symbols) {
    if (!symbol.merged) {
      scratch.ids.push_back(symbol.id);
    }
  }
}

}  // namespace dak::tok
