#include "dakkar/text/tokenizer/normalizer.h"

#include "dakkar/text/tokenizer/byte_alphabet.h"
#include "dakkar/text/tokenizer/utf8.h"

namespace dak::tok {
namespace {

/// Builds the output of one step from the input `in`.
class Rewriter final {
 public:
  explicit Rewriter(const AlignedText& in) : in_(in) {
    out_.text.reserve(in.text.size());
    out_.origin.reserve(in.origin.size());
  }

  /// Text under construction; follow with `align`.
  std::string& text() { return out_.text; }

  /// Says that everything appended since the last call stems from the input's byte `at`.
  void align(size_t at) {
    out_.origin.resize(out_.text.size(), at < in_.origin.size() ? in_.origin[at] : 0);
  }

  /// Copies input bytes [begin, end).
  void copy(size_t begin, size_t end) {
    out_.text.append(in_.text, begin, end - begin);
    out_.origin.insert(out_.origin.end(), in_.origin.begin() + static_cast<int64_t>(begin),
                       in_.origin.begin() + static_cast<int64_t>(end));
  }

  AlignedText take() { return std::move(out_); }

 private:
  const AlignedText& in_;
  AlignedText out_;
};

/// Calls `visit(offset, code point)` for each character.
template <typename Visit>
void for_each_character(std::string_view text, Visit visit) {
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = first_code_point(text.substr(at));
    visit(at, c);
    at += static_cast<size_t>(c.size);
  }
}

/// Rewrites character by character: `append(c, out)` puts what becomes of `c`.
template <typename Append>
AlignedText map_characters(const AlignedText& in, Append append) {
  Rewriter rewriter(in);
  for_each_character(in.text, [&](size_t at, CodePoint c) {
    append(c.value, rewriter.text());
    rewriter.align(at);
  });
  return rewriter.take();
}

Result<AlignedText> run(const NormalFormStep& step, const AlignedText& in) {
  Rewriter rewriter(in);
  const std::string_view text = in.text;
  size_t begin = 0;
  const auto end_segment = [&](size_t end) {
    append_normal_form(text.substr(begin, end - begin), step.form, rewriter.text());
    rewriter.align(begin);
    begin = end;
  };
  for_each_character(text, [&](size_t at, CodePoint c) {
    if (at > begin && starts_normal_segment(c.value)) {
      end_segment(at);
    }
  });
  end_segment(text.size());
  return rewriter.take();
}

Result<AlignedText> run(const LowercaseStep&, const AlignedText& in) {
  return map_characters(in, append_lower);
}

Result<AlignedText> run(const StripStep& step, const AlignedText& in) {
  size_t begin = in.text.size();
  size_t end = 0;
  for_each_character(in.text, [&](size_t at, CodePoint c) {
    if (!is_white_space(c.value)) {
      begin = std::min(begin, at);
      end = at + static_cast<size_t>(c.size);
    }
  });
  // Blank text is all leading and all trailing space.
  begin = step.left ? begin : 0;
  end = step.right ? end : in.text.size();
  Rewriter rewriter(in);
  rewriter.copy(std::min(begin, end), end);
  return rewriter.take();
}

Result<AlignedText> run(const StripAccentsStep&, const AlignedText& in) {
  return map_characters(in, [](char32_t c, std::string& out) {
    if (!is_mark(c)) {
      append_utf8(c, out);
    }
  });
}

bool nmt_drops(char32_t c) {
  return (c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F ||
         c == 0x9F;
}

bool nmt_blanks(char32_t c) {
  return c == 0x9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 ||
         (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF ||
         c == 0xFFFD;
}

Result<AlignedText> run(const NmtStep&, const AlignedText& in) {
  return map_characters(in, [](char32_t c, std::string& out) {
    if (!nmt_drops(c)) {
      append_utf8(nmt_blanks(c) ? U' ' : c, out);
    }
  });
}

Result<AlignedText> run(const ByteLettersStep&, const AlignedText& in) {
  Rewriter rewriter(in);
  for (size_t at = 0; at < in.text.size(); ++at) {
    append_letters(std::string_view(in.text).substr(at, 1), rewriter.text());
    rewriter.align(at);
  }
  return rewriter.take();
}

/// Ends a file whose steps blow texts up: no real one comes near.
Status check_growth(size_t bytes) {
  constexpr size_t kMostBytes = size_t{1} << 28;
  if (bytes > kMostBytes) {
    return fail(ErrorCode::kInvalidArgument,
                "the tokenizer's normalizer makes the text longer than 256 MiB");
  }
  return {};
}

Result<AlignedText> run(const PrependStep& step, const AlignedText& in) {
  if (const Status fits = check_growth(step.text.size() + in.text.size()); !fits) {
    return fail(fits.error());
  }
  Rewriter rewriter(in);
  if (!in.text.empty()) {
    rewriter.text() += step.text;
    rewriter.align(0);
  }
  rewriter.copy(0, in.text.size());
  return rewriter.take();
}

Result<AlignedText> run(const ReplaceStep& step, const AlignedText& in) {
  std::vector<Match> matches;
  if (const Status found = step.pattern.find_all(in.text, matches); !found) {
    return fail(found.error());
  }
  Rewriter rewriter(in);
  for (const Match& match : matches) {
    if (const Status fits = check_growth(rewriter.text().size() + step.content.size()); !fits) {
      return fail(fits.error());
    }
    if (!match.matched) {
      rewriter.copy(static_cast<size_t>(match.begin), static_cast<size_t>(match.end));
      continue;
    }
    rewriter.text() += step.content;
    rewriter.align(match.end > 0 ? static_cast<size_t>(match.end) - 1 : in.origin.size());
  }
  return rewriter.take();
}

}  // namespace

Result<AlignedText> Normalizer::apply(std::string_view text, int64_t begin) const {
  AlignedText aligned{.text = std::string(text), .origin = {}};
  aligned.origin.reserve(text.size());
  for_each_character(text, [&](size_t at, CodePoint c) {
    aligned.origin.insert(aligned.origin.end(), static_cast<size_t>(c.size),
                          static_cast<uint32_t>(static_cast<size_t>(begin) + at));
  });
  for (const NormalizerStep& step : steps_) {
    Result<AlignedText> next =
        std::visit([&](const auto& alternative) { return run(alternative, aligned); }, step);
    if (!next) {
      return next;
    }
    aligned = std::move(*next);
  }
  return aligned;
}

}  // namespace dak::tok
