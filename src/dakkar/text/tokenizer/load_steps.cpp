// Normalizers, pre-tokenizers and decoders.

#include <string>

#include <fmt/core.h>

#include "dakkar/text/tokenizer/load.h"
#include "dakkar/text/tokenizer/utf8.h"

namespace dak::tok {
namespace {

constexpr std::string_view kGpt2Words =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// A row of the table that reads one kind of component.
template <typename Step>
struct Reader {
  std::string_view type;
  Status (*read)(const JsonView& view, std::vector<Step>& out);
};

/// Reads one component, which may be a sequence of components under the member `list`.
template <typename Step, size_t kRows>
Status read_component(const JsonView& view, std::string_view list,
                      const Reader<Step> (&readers)[kRows], std::vector<Step>& out) {
  const Result<std::string> type = required_string(view, "type");
  if (!type) {
    return fail(type.error());
  }
  if (*type == "Sequence") {
    if (const Status known = check_fields(view, {"type", list}); !known) {
      return known;
    }
    const Result<JsonView> array = required(view, list);
    const auto elements = array ? array->as_array() : fail(array.error());
    if (!elements) {
      return fail(elements.error());
    }
    for (const JsonView& element : *elements) {
      if (const Status done = read_component(element, list, readers, out); !done) {
        return done;
      }
    }
    return {};
  }
  for (const Reader<Step>& reader : readers) {
    if (reader.type == *type) {
      return reader.read(view, out);
    }
  }
  return view.refuse(fmt::format("has type {}, which this tokenizer does not know", *type));
}

/// A reader of a component that has no fields.
template <typename Variant, auto kMake>
Status read_plain(const JsonView& view, std::vector<Variant>& out) {
  out.push_back(kMake());
  return check_fields(view, {"type"});
}

template <typename Step, typename Value>
Status append(Result<Value> value, std::vector<Step>& out) {
  if (!value) {
    return fail(std::move(value.error()));
  }
  out.push_back(std::move(*value));
  return {};
}

Result<bool> required_bool(const JsonView& view, std::string_view key) {
  const Result<JsonView> member = required(view, key);
  return member ? member->as_bool() : fail(member.error());
}

// --- Normalizers ---

Status read_strip(const JsonView& view, std::vector<NormalizerStep>& out) {
  const Status known = check_fields(view, {"type", "strip_left", "strip_right"});
  const Result<bool> left = required_bool(view, "strip_left");
  const Result<bool> right = required_bool(view, "strip_right");
  if (!known || !left || !right) {
    return fail(!known ? known.error() : !left ? left.error() : right.error());
  }
  out.emplace_back(StripStep{*left, *right});
  return {};
}

Status read_prepend(const JsonView& view, std::vector<NormalizerStep>& out) {
  const Status known = check_fields(view, {"type", "prepend"});
  Result<std::string> text = required_string(view, "prepend");
  if (!known || !text) {
    return fail(!known ? known.error() : text.error());
  }
  out.emplace_back(PrependStep{std::move(*text)});
  return {};
}

/// `Replace` is the same as normalizer and as decoder.
template <typename Step, typename Variant>
Status read_replace(const JsonView& view, std::vector<Variant>& out) {
  const Status known = check_fields(view, {"type", "pattern", "content"});
  Result<Pattern> pattern = load_pattern(view);
  Result<std::string> content = required_string(view, "content");
  if (!known || !pattern || !content) {
    return fail(!known ? known.error() : !pattern ? pattern.error() : content.error());
  }
  out.emplace_back(Step{std::move(*pattern), std::move(*content)});
  return {};
}

template <NormalForm kForm>
NormalizerStep make_normal_form() {
  return NormalFormStep{kForm};
}
template <typename Variant, typename Step>
Variant make() {
  return Step{};
}

constexpr Reader<NormalizerStep> kNormalizers[] = {
    {"NFC", read_plain<NormalizerStep, make_normal_form<NormalForm::kNfc>>},
    {"NFD", read_plain<NormalizerStep, make_normal_form<NormalForm::kNfd>>},
    {"NFKC", read_plain<NormalizerStep, make_normal_form<NormalForm::kNfkc>>},
    {"NFKD", read_plain<NormalizerStep, make_normal_form<NormalForm::kNfkd>>},
    {"Lowercase", read_plain<NormalizerStep, make<NormalizerStep, LowercaseStep>>},
    {"StripAccents", read_plain<NormalizerStep, make<NormalizerStep, StripAccentsStep>>},
    {"Nmt", read_plain<NormalizerStep, make<NormalizerStep, NmtStep>>},
    {"ByteLevel", read_plain<NormalizerStep, make<NormalizerStep, ByteLettersStep>>},
    {"Strip", read_strip},
    {"Prepend", read_prepend},
    {"Replace", read_replace<ReplaceStep, NormalizerStep>},
};

// --- Pre-tokenizers ---

Result<SplitBehavior> load_behavior(const JsonView& view, std::string_view fallback) {
  const Result<std::string> name = string_or(view, "behavior", fallback);
  if (!name) {
    return fail(name.error());
  }
  static constexpr std::pair<std::string_view, SplitBehavior> kBehaviors[] = {
      {"Removed", SplitBehavior::kRemoved},
      {"Isolated", SplitBehavior::kIsolated},
      {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
      {"MergedWithNext", SplitBehavior::kMergedWithNext},
      {"Contiguous", SplitBehavior::kContiguous},
  };
  for (const auto& [known, behavior] : kBehaviors) {
    if (known == *name) {
      return behavior;
    }
  }
  return view.refuse_member("behavior", fmt::format("is '{}', no split behavior", *name));
}

Status read_split(const JsonView& view, std::vector<PreTokenizerStep>& out) {
  const Status known = check_fields(view, {"type", "pattern", "behavior", "invert"});
  Result<Pattern> pattern = load_pattern(view);
  const Result<SplitBehavior> behavior = load_behavior(view, "");
  const Result<bool> invert = bool_or(view, "invert", false);
  if (!known || !pattern || !behavior || !invert) {
    return fail(!known      ? known.error()
                : !pattern  ? pattern.error()
                : !behavior ? behavior.error()
                            : invert.error());
  }
  out.emplace_back(PatternSplit{std::move(*pattern), *behavior, *invert});
  return {};
}

Status read_byte_level(const JsonView& view, std::vector<PreTokenizerStep>& out) {
  const Status known =
      check_fields(view, {"type", "add_prefix_space", "trim_offsets", "use_regex"});
  const Result<bool> prefix = required_bool(view, "add_prefix_space");
  const Result<bool> use_regex = bool_or(view, "use_regex", true);
  if (!known || !prefix || !use_regex) {
    return fail(!known ? known.error() : !prefix ? prefix.error() : use_regex.error());
  }
  ByteLevelSplit step{.add_prefix_space = *prefix, .words = {}};
  if (*use_regex) {
    if (const Status done = append(Pattern::create_regex(kGpt2Words), step.words); !done) {
      return done;
    }
  }
  out.emplace_back(std::move(step));
  return {};
}

Status read_digits(const JsonView& view, std::vector<PreTokenizerStep>& out) {
  const Status known = check_fields(view, {"type", "individual_digits"});
  const Result<bool> individual = required_bool(view, "individual_digits");
  if (!known || !individual) {
    return fail(!known ? known.error() : individual.error());
  }
  out.emplace_back(CharacterSplit{
      CharacterKind::kNumber, *individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous});
  return {};
}

Status read_punctuation(const JsonView& view, std::vector<PreTokenizerStep>& out) {
  const Status known = check_fields(view, {"type", "behavior"});
  const Result<SplitBehavior> behavior = load_behavior(view, "Isolated");
  if (!known || !behavior) {
    return fail(!known ? known.error() : behavior.error());
  }
  out.emplace_back(CharacterSplit{CharacterKind::kPunctuation, *behavior});
  return {};
}

Status read_whitespace(const JsonView& view, std::vector<PreTokenizerStep>& out) {
  Result<Pattern> words =
      Pattern::create_regex(fmt::format("[{0}]+|[^{1}{0}]+", kRustWordRanges, kSpaceRanges));
  if (!words) {
    return fail(std::move(words.error()));
  }
  out.emplace_back(PatternSplit{std::move(*words), SplitBehavior::kRemoved, true});
  return check_fields(view, {"type"});
}

Status read_whitespace_split(const JsonView& view, std::vector<PreTokenizerStep>& out) {
  out.emplace_back(CharacterSplit{CharacterKind::kWhiteSpace, SplitBehavior::kRemoved});
  return check_fields(view, {"type"});
}

Status read_bert(const JsonView& view, std::vector<PreTokenizerStep>& out) {
  out.emplace_back(CharacterSplit{CharacterKind::kWhiteSpace, SplitBehavior::kRemoved});
  out.emplace_back(CharacterSplit{CharacterKind::kPunctuation, SplitBehavior::kIsolated});
  return check_fields(view, {"type"});
}

Status read_delimiter(const JsonView& view, std::vector<PreTokenizerStep>& out) {
  const Status known = check_fields(view, {"type", "delimiter"});
  const Result<char32_t> delimiter = load_character(view, "delimiter");
  if (!known || !delimiter) {
    return fail(!known ? known.error() : delimiter.error());
  }
  std::string text;
  append_utf8(*delimiter, text);
  out.emplace_back(
      PatternSplit{Pattern::create_literal(std::move(text)), SplitBehavior::kRemoved, false});
  return {};
}

Status read_fixed_length(const JsonView& view, std::vector<PreTokenizerStep>& out) {
  const Status known = check_fields(view, {"type", "length"});
  const Result<int64_t> length = integer_or(view, "length", 5);
  if (!known || !length) {
    return fail(!known ? known.error() : length.error());
  }
  if (*length < 1) {
    return view.refuse_member("length", "must be at least 1");
  }
  out.emplace_back(FixedLengthSplit{*length});
  return {};
}

Status read_metaspace(const JsonView& view, std::vector<PreTokenizerStep>& out) {
  const Status known = check_fields(
      view, {"type", "replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep"});
  const Result<char32_t> mark = load_character(view, "replacement");
  const Result<PrependScheme> scheme = load_prepend_scheme(view);
  const Result<bool> split = bool_or(view, "split", true);
  if (!known || !mark || !scheme || !split) {
    return fail(!known    ? known.error()
                : !mark   ? mark.error()
                : !scheme ? scheme.error()
                          : split.error());
  }
  MetaspaceSplit step{.mark = {}, .scheme = *scheme, .split = *split};
  append_utf8(*mark, step.mark);
  out.emplace_back(std::move(step));
  return {};
}

constexpr Reader<PreTokenizerStep> kPreTokenizers[] = {
    {"Split", read_split},
    {"ByteLevel", read_byte_level},
    {"Digits", read_digits},
    {"Punctuation", read_punctuation},
    {"Whitespace", read_whitespace},
    {"WhitespaceSplit", read_whitespace_split},
    {"BertPreTokenizer", read_bert},
    {"CharDelimiterSplit", read_delimiter},
    {"FixedLength", read_fixed_length},
    {"Metaspace", read_metaspace},
};

// --- Decoders ---

Status read_byte_level_decoder(const JsonView& view, std::vector<DecoderStep>& out) {
  out.emplace_back(ByteLevelDecode{});
  return check_fields(view, {"type", "add_prefix_space", "trim_offsets", "use_regex"});
}

Status read_metaspace_decoder(const JsonView& view, std::vector<DecoderStep>& out) {
  const Status known = check_fields(
      view, {"type", "replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep"});
  const Result<char32_t> mark = load_character(view, "replacement");
  const Result<PrependScheme> scheme = load_prepend_scheme(view);
  if (!known || !mark || !scheme) {
    return fail(!known ? known.error() : !mark ? mark.error() : scheme.error());
  }
  out.emplace_back(MetaspaceDecode{*mark, *scheme != PrependScheme::kNever});
  return {};
}

Status read_strip_decoder(const JsonView& view, std::vector<DecoderStep>& out) {
  const Status known = check_fields(view, {"type", "content", "start", "stop"});
  const Result<char32_t> content = load_character(view, "content");
  const Result<int64_t> start = required_integer(view, "start");
  const Result<int64_t> stop = required_integer(view, "stop");
  if (!known || !content || !start || !stop) {
    return fail(!known     ? known.error()
                : !content ? content.error()
                : !start   ? start.error()
                           : stop.error());
  }
  out.emplace_back(StripDecode{*content, *start, *stop});
  return {};
}

constexpr Reader<DecoderStep> kDecoders[] = {
    {"ByteLevel", read_byte_level_decoder},
    {"ByteFallback", read_plain<DecoderStep, make<DecoderStep, ByteFallbackDecode>>},
    {"Fuse", read_plain<DecoderStep, make<DecoderStep, FuseDecode>>},
    {"Metaspace", read_metaspace_decoder},
    {"Replace", read_replace<ReplaceDecode, DecoderStep>},
    {"Strip", read_strip_decoder},
};

/// Refuses decoders that blow texts up: each byte of a token may become a `Replace`'s content, and
/// the next `Replace` may do the same to every byte of that.
Status check_growth(const JsonView& view, const Decoder& decoder) {
  constexpr size_t kMostSteps = 64;
  constexpr size_t kMostGrowth = 256;
  if (decoder.steps.size() > kMostSteps) {
    return view.refuse(fmt::format("has {} steps, more than {}", decoder.steps.size(), kMostSteps));
  }
  size_t growth = 1;
  for (const DecoderStep& step : decoder.steps) {
    const auto* replace = std::get_if<ReplaceDecode>(&step);
    growth *= replace != nullptr ? std::min(replace->content.size(), kMostGrowth) + 1 : 1;
    if (growth > kMostGrowth) {
      return view.refuse(fmt::format(
          "has Replace steps that may make a text more than {} times as long", kMostGrowth));
    }
  }
  return {};
}

}  // namespace

Result<Normalizer> load_normalizer(const std::optional<JsonView>& view) {
  std::vector<NormalizerStep> steps;
  if (view) {
    if (const Status done = read_component(*view, "normalizers", kNormalizers, steps); !done) {
      return fail(done.error());
    }
  }
  return Normalizer(std::move(steps));
}

Result<PreTokenizer> load_pre_tokenizer(const std::optional<JsonView>& view) {
  std::vector<PreTokenizerStep> steps;
  if (view) {
    if (const Status done = read_component(*view, "pretokenizers", kPreTokenizers, steps); !done) {
      return fail(done.error());
    }
  }
  return PreTokenizer(std::move(steps));
}

Result<Decoder> load_decoder(const std::optional<JsonView>& view) {
  Decoder decoder;
  if (!view) {
    decoder.steps.emplace_back(JoinWithSpaces{});
    return decoder;
  }
  if (const Status done = read_component(*view, "decoders", kDecoders, decoder.steps); !done) {
    return fail(done.error());
  }
  if (const Status bounded = check_growth(*view, decoder); !bounded) {
    return fail(bounded.error());
  }
  return decoder;
}

}  // namespace dak::tok
