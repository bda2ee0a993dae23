#include <algorithm>

#include "dakkar/text/tokenizer/pipeline.h"
#include "dakkar/text/tokenizer/utf8.h"

namespace dak::tok {
namespace {

/// A stretch of normalised text between added tokens.
struct Stretch {
  std::string_view text;
  int64_t from_first = 0;  // as in Piece
};

class TextEncoder final {
 public:
  TextEncoder(const Pipeline& pipeline, std::string_view text, const UserRanges& user)
      : pipeline_(pipeline), text_(text), user_(user) {}

  Result<std::vector<TokenId>> run() {
    std::vector<AddedMatch> matches;
    const MayMatch allowed = [this](int64_t begin, int64_t end) {
      return !user_.touch(begin, end);
    };
    pipeline_.added->find_all(text_, AddedTokens::Stage::kRaw, allowed, matches);
    for (const AddedMatch& match : matches) {
      if (match.id >= 0) {
        ids_.push_back(match.id);
      } else if (const Status done = encode_raw(match); !done) {
        return fail(done.error());
      }
    }
    return std::move(ids_);
  }

 private:
  Status encode_raw(const AddedMatch& match) {
    const std::string_view text = text_.substr(static_cast<size_t>(match.begin),
                                               static_cast<size_t>(match.end - match.begin));
    if (pipeline_.normalizer.is_identity()) {
      return encode_normalized(text, {}, match);
    }
    const Result<AlignedText> normal = pipeline_.normalizer.apply(text, match.begin);
    if (!normal) {
      return fail(normal.error());
    }
    return encode_normalized(normal->text, normal->origin, match);
  }

  /// `origin` maps bytes of `text` to bytes of the input; empty where they are the same but for the
  /// begin of `raw`.
  Status encode_normalized(std::string_view text, const std::vector<uint32_t>& origin,
                           const AddedMatch& raw) {
    const auto from_input = [&](int64_t at) -> int64_t {
      if (origin.empty()) {
        return raw.begin + at;
      }
      return at < static_cast<int64_t>(origin.size()) ? int64_t{origin[static_cast<size_t>(at)]}
                                                      : raw.end;
    };
    const MayMatch allowed = [&](int64_t begin, int64_t end) {
      return !user_.touch(from_input(begin), from_input(end));
    };
    std::vector<AddedMatch> matches;
    pipeline_.added->find_all(text, AddedTokens::Stage::kNormalized, allowed, matches);
    for (const AddedMatch& match : matches) {
      if (match.id >= 0) {
        ids_.push_back(match.id);
        continue;
      }
      Stretch stretch{text.substr(static_cast<size_t>(match.begin),
                                  static_cast<size_t>(match.end - match.begin)),
                      0};
      if (from_input(match.begin) == 0) {
        stretch.from_first = bytes_of_first(stretch.text, origin, match.begin);
      }
      if (const Status done = encode_stretch(stretch); !done) {
        return done;
      }
    }
    return {};
  }

  /// How many bytes of `text`, which begins with the input's first character, stem from it.
  static int64_t bytes_of_first(std::string_view text, const std::vector<uint32_t>& origin,
                                int64_t begin) {
    if (origin.empty()) {
      return first_code_point(text).size;
    }
    const auto first = origin.begin() + begin;
    const auto last = first + static_cast<int64_t>(text.size());
    return std::find_if(first, last, [](uint32_t at) { return at != 0; }) - first;
  }

  Status encode_stretch(const Stretch& stretch) {
    list_.texts.clear();
    list_.pieces.assign(1, {stretch.text, stretch.from_first});
    if (const Status done = pipeline_.pre_tokenizer.apply(list_); !done) {
      return done;
    }
    for (const Piece& piece : list_.pieces) {
      const TokenId whole = pipeline_.model->whole_piece(piece.text);
      // A user's piece must not become a control token by being spelt like one.
      const bool barred = whole >= 0 && !user_.empty() && pipeline_.added->contains(whole);
      if (whole >= 0 && !barred) {
        ids_.push_back(whole);
        continue;
      }
      if (const Status done = pipeline_.model->encode(piece.text, scratch_, ids_); !done) {
        return done;
      }
    }
    return {};
  }

  const Pipeline& pipeline_;
  std::string_view text_;
  const UserRanges& user_;
  PieceList list_;
  BpeScratch scratch_;
  std::vector<TokenId> ids_;
};

}  // namespace

std::optional<std::string_view> Pipeline::spelling(TokenId id) const {
  const std::optional<std::string_view> added_spelling = added->spelling(id);
  return added_spelling ? added_spelling : vocabulary.spelling(id);
}

void UserRanges::add(int64_t begin, int64_t end) {
  if (begin == end) {
    return;
  }
  if (!ranges_.empty() && ranges_.back().end == begin) {
    ranges_.back().end = end;
  } else {
    ranges_.push_back({begin, end});
  }
}

bool UserRanges::touch(int64_t begin, int64_t end) const {
  const auto behind =
      std::upper_bound(ranges_.begin(), ranges_.end(), begin,
                       [](int64_t at, const Range& range) { return at < range.end; });
  return behind != ranges_.end() && behind->begin < end;
}

Result<std::vector<TokenId>> encode_text(const Pipeline& pipeline, std::string_view text,
                                         const UserRanges& user) {
  return TextEncoder(pipeline, text, user).run();
}

}  // namespace dak::tok
