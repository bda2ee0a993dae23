#include "dakkar/text/tokenizer/pre_tokenizer.h"

#include <algorithm>

#include "dakkar/text/tokenizer/byte_alphabet.h"
#include "dakkar/text/tokenizer/unicode.h"
#include "dakkar/text/tokenizer/utf8.h"

namespace dak::tok {
namespace {

void keep_part(const Piece& piece, const Match& part, std::vector<Piece>& out) {
  if (part.begin < part.end) {
    out.push_back({piece.text.substr(static_cast<size_t>(part.begin),
                                     static_cast<size_t>(part.end - part.begin)),
                   std::clamp<int64_t>(piece.from_first - part.begin, 0, part.end - part.begin)});
  }
}

/// Joins a match to the stretch before it, or all of one kind in a row, going through `matches`.
template <typename Joins>
void fold(std::vector<Match>& matches, Joins joins) {
  size_t kept = 0;
  bool previous = false;
  for (const Match match : matches) {
    if (kept > 0 && joins(match.matched, previous)) {
      matches[kept - 1].begin = std::min(matches[kept - 1].begin, match.begin);
      matches[kept - 1].end = std::max(matches[kept - 1].end, match.end);
    } else {
      matches[kept++] = match;
    }
    previous = match.matched;
  }
  matches.resize(kept);
}

bool is_of_kind(CharacterKind kind, char32_t c) {
  switch (kind) {
    case CharacterKind::kNumber:
      return is_number(c);
    case CharacterKind::kPunctuation:
      return is_punctuation(c);
    case CharacterKind::kWhiteSpace:
      return is_white_space(c);
  }
  return false;
}

/// Each character for which `is_match` holds is a match of its own.
template <typename IsMatch>
void match_characters(std::string_view text, IsMatch is_match, std::vector<Match>& out) {
  out.clear();
  int64_t last = 0;
  const auto size = static_cast<int64_t>(text.size());
  for (int64_t at = 0; at < size;) {
    const CodePoint c = first_code_point(text.substr(static_cast<size_t>(at)));
    if (is_match(c.value)) {
      if (last < at) {
        out.push_back({last, at, false});
      }
      last = at + c.size;
      out.push_back({at, last, true});
    }
    at += c.size;
  }
  if (last < size) {
    out.push_back({last, size, false});
  }
}

/// Runs one step over all pieces; `cut(piece, matches)` fills the stretches to keep.
template <typename Cut>
Status cut_all(PieceList& list, Cut cut) {
  std::vector<Piece> out;
  out.reserve(list.pieces.size());
  std::vector<Match> parts;
  for (const Piece& piece : list.pieces) {
    if (const Status done = cut(piece, parts); !done) {
      return done;
    }
    for (const Match& part : parts) {
      keep_part(piece, part, out);
    }
  }
  list.pieces = std::move(out);
  return {};
}

Status run(const PatternSplit& step, PieceList& list) {
  return cut_all(list, [&](const Piece& piece, std::vector<Match>& parts) -> Status {
    const Status found = step.pattern.find_all(piece.text, parts);
    if (step.invert) {
      for (Match& part : parts) {
        part.matched = !part.matched;
      }
    }
    apply_behavior(step.behavior, parts);
    return found;
  });
}

Status run(const CharacterSplit& step, PieceList& list) {
  return cut_all(list, [&](const Piece& piece, std::vector<Match>& parts) -> Status {
    match_characters(
        piece.text, [&](char32_t c) { return is_of_kind(step.kind, c); }, parts);
    apply_behavior(step.behavior, parts);
    return {};
  });
}

Status run(const FixedLengthSplit& step, PieceList& list) {
  return cut_all(list, [&](const Piece& piece, std::vector<Match>& parts) -> Status {
    parts.clear();
    int64_t characters = 0;
    for (int64_t at = 0; at < static_cast<int64_t>(piece.text.size()); ++characters) {
      if (characters % step.length == 0) {
        parts.push_back({at, at, true});
      }
      at += first_code_point(piece.text.substr(static_cast<size_t>(at))).size;
      parts.back().end = at;
    }
    return {};
  });
}

/// Rewrites every piece; `rewrite(text, out)` appends the new text of a stretch.
template <typename Rewrite>
void rewrite_all(PieceList& list, Rewrite rewrite) {
  for (Piece& piece : list.pieces) {
    const auto first = static_cast<size_t>(piece.from_first);
    std::string& text = list.texts.emplace_back();
    rewrite(piece.text.substr(0, first), text);
    piece.from_first = static_cast<int64_t>(text.size());
    rewrite(piece.text.substr(first), text);
    piece.text = text;
  }
}

void prepend(std::string_view prefix, Piece& piece, PieceList& list) {
  std::string& text = list.texts.emplace_back(prefix);
  text += piece.text;
  piece.text = text;
  piece.from_first += piece.from_first > 0 ? static_cast<int64_t>(prefix.size()) : 0;
}

Status run(const MetaspaceSplit& step, PieceList& list) {
  rewrite_all(list, [&](std::string_view text, std::string& out) {
    for (const char c : text) {
      if (c == ' ') {
        out += step.mark;
      } else {
        out += c;
      }
    }
  });
  for (Piece& piece : list.pieces) {
    const bool wanted = step.scheme == PrependScheme::kAlways ||
                        (step.scheme == PrependScheme::kFirst && piece.from_first > 0);
    if (wanted && !piece.text.starts_with(step.mark)) {
      prepend(step.mark, piece, list);
    }
  }
  if (!step.split) {
    return {};
  }
  const char32_t mark = first_code_point(step.mark).value;
  return cut_all(list, [&](const Piece& piece, std::vector<Match>& parts) -> Status {
    match_characters(
        piece.text, [&](char32_t c) { return c == mark; }, parts);
    apply_behavior(SplitBehavior::kMergedWithNext, parts);
    return {};
  });
}

/// All of "ByteLevel" but the turning of bytes into letters.
Status run(const ByteLevelSplit& step, PieceList& list) {
  for (Piece& piece : list.pieces) {
    if (step.add_prefix_space && !piece.text.starts_with(' ')) {
      prepend(" ", piece, list);
    }
  }
  for (const Pattern& words : step.words) {
    const Status done = cut_all(list, [&](const Piece& piece, std::vector<Match>& parts) {
      return words.find_all(piece.text, parts);
    });
    if (!done) {
      return done;
    }
  }
  return {};
}

}  // namespace

void apply_behavior(SplitBehavior behavior, std::vector<Match>& matches) {
  switch (behavior) {
    case SplitBehavior::kRemoved:
      std::erase_if(matches, [](const Match& match) { return match.matched; });
      return;
    case SplitBehavior::kIsolated:
      return;
    case SplitBehavior::kContiguous:
      fold(matches, [](bool matched, bool previous) { return matched == previous; });
      return;
    case SplitBehavior::kMergedWithPrevious:
      fold(matches, [](bool matched, bool previous) { return matched && !previous; });
      return;
    case SplitBehavior::kMergedWithNext:
      std::reverse(matches.begin(), matches.end());
      fold(matches, [](bool matched, bool previous) { return matched && !previous; });
      std::reverse(matches.begin(), matches.end());
      return;
  }
}

PreTokenizer::PreTokenizer(std::vector<PreTokenizerStep> steps)
    : steps_(std::move(steps)),
      gives_bytes_(!steps_.empty() && std::holds_alternative<ByteLevelSplit>(steps_.back())) {}

Status PreTokenizer::apply(PieceList& list) const {
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Status done =
        std::visit([&](const auto& alternative) { return run(alternative, list); }, steps_[i]);
    if (!done) {
      return done;
    }
    if (i + 1 < steps_.size() && std::holds_alternative<ByteLevelSplit>(steps_[i])) {
      rewrite_all(list, append_letters);
    }
  }
  return {};
}

}  // namespace dak::tok
