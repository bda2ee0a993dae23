#include <utility>

#include <fmt/core.h>

#include "dakkar/base/log.h"
#include "dakkar/text/tokenizer/load.h"

namespace dak::tok {
namespace {

std::string_view text_of(const rapidjson::Value& value) {
  return {value.GetString(), value.GetStringLength()};
}

Status read_vocabulary(const JsonView& model, Vocabulary& out) {
  const Result<JsonView> vocab = required(model, "vocab");
  if (!vocab) {
    return fail(vocab.error());
  }
  if (!vocab->is_object()) {
    return vocab->refuse("must be an object");
  }
  for (const auto& member : vocab->raw().GetObject()) {
    if (!member.value.IsInt64()) {
      return vocab->refuse(fmt::format("gives token '{}' no integer id", text_of(member.name)));
    }
    if (const Status added = out.add(text_of(member.name), member.value.GetInt64()); !added) {
      return vocab->refuse(added.error().message);
    }
  }
  return {};
}

/// One merge: `"a b"` or `["a", "b"]`.
bool read_merge(const rapidjson::Value& value, MergePair& out) {
  if (value.IsArray()) {
    const bool fits = value.Size() == 2 && value[0].IsString() && value[1].IsString();
    if (fits) {
      out = {std::string(text_of(value[0])), std::string(text_of(value[1]))};
    }
    return fits;
  }
  if (!value.IsString()) {
    return false;
  }
  const std::string_view text = text_of(value);
  const size_t space = text.find(' ');
  if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) {
    return false;
  }
  out = {std::string(text.substr(0, space)), std::string(text.substr(space + 1))};
  return true;
}

Result<std::vector<MergePair>> read_merges(const JsonView& model) {
  const Result<JsonView> merges = required(model, "merges");
  if (!merges) {
    return fail(merges.error());
  }
  if (!merges->is_array()) {
    return merges->refuse("must be an array");
  }
  std::vector<MergePair> pairs;
  pairs.reserve(merges->raw().Size());
  for (const rapidjson::Value& value : merges->raw().GetArray()) {
    const bool header = value.IsString() && text_of(value).starts_with("#version");
    if (header) {
      continue;
    }
    if (!read_merge(value, pairs.emplace_back())) {
      return merges->refuse(fmt::format("entry {} is no pair of tokens", pairs.size() - 1));
    }
  }
  return pairs;
}

Result<BpeOptions> read_options(const JsonView& model) {
  const Result<double> dropout = number_or(model, "dropout", 0.0);
  const Result<bool> ignore_merges = bool_or(model, "ignore_merges", false);
  const Result<bool> byte_fallback = bool_or(model, "byte_fallback", false);
  const Result<bool> fuse_unk = bool_or(model, "fuse_unk", false);
  for (const Result<bool>* flag : {&ignore_merges, &byte_fallback, &fuse_unk}) {
    if (!*flag) {
      return fail(flag->error());
    }
  }
  const Result<std::string> prefix = string_or(model, "continuing_subword_prefix", "");
  const Result<std::string> suffix = string_or(model, "end_of_word_suffix", "");
  const Result<std::string> unk = string_or(model, "unk_token", "");
  for (const Result<std::string>* text : {&prefix, &suffix, &unk}) {
    if (!*text) {
      return fail(text->error());
    }
  }
  if (!dropout || *dropout != 0.0) {
    return model.refuse_member("dropout", "must be null or 0: encoding is not random here");
  }
  BpeOptions options{.ignore_merges = *ignore_merges,
                     .byte_fallback = *byte_fallback,
                     .fuse_unk = *fuse_unk,
                     .unk_token = std::nullopt,
                     .continuing_prefix = *prefix,
                     .end_suffix = *suffix};
  if (model.find("unk_token")) {
    options.unk_token = *unk;
  }
  return options;
}

Status read_model(const JsonView& model, Pipeline& out) {
  const Status known = check_fields(
      model, {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
              "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"});
  const Result<std::string> type = string_or(model, "type", "BPE");
  if (!type) {
    return fail(type.error());
  }
  if (*type != "BPE") {
    return model.refuse_member("type", fmt::format("is {}; only BPE is supported", *type));
  }
  if (!known) {
    return known;
  }
  if (const Status done = read_vocabulary(model, out.vocabulary); !done) {
    return done;
  }
  Result<BpeOptions> options = read_options(model);
  Result<std::vector<MergePair>> merges = read_merges(model);
  if (!options || !merges) {
    return fail(!options ? options.error() : merges.error());
  }
  options->form = out.pre_tokenizer.gives_bytes() ? PieceForm::kBytes : PieceForm::kText;
  Result<Bpe> bpe = Bpe::create(out.vocabulary, *merges, std::move(*options));
  if (!bpe) {
    return model.refuse_member("merges", bpe.error().message);
  }
  out.model.emplace(std::move(*bpe));
  return {};
}

Result<AddedToken> read_added_token(const JsonView& view) {
  if (const Status known = check_fields(
          view, {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
      !known) {
    return fail(known.error());
  }
  Result<std::string> content = required_string(view, "content");
  if (!content) {
    return fail(std::move(content.error()));
  }
  AddedToken token{.content = std::move(*content)};
  const std::pair<std::string_view, bool*> flags[] = {{"single_word", &token.single_word},
                                                      {"lstrip", &token.lstrip},
                                                      {"rstrip", &token.rstrip},
                                                      {"normalized", &token.normalized},
                                                      {"special", &token.special}};
  for (const auto& [key, flag] : flags) {
    const Result<JsonView> member = required(view, key);
    const Result<bool> value = member ? member->as_bool() : fail(member.error());
    if (!value) {
      return fail(value.error());
    }
    *flag = *value;
  }
  return token;
}

/// The library counts added ids itself and only warns when the file says otherwise; so do we.
void warn_of_other_ids(const std::vector<JsonView>& views, const AddedTokens& added) {
  int64_t others = 0;
  for (const JsonView& view : views) {
    const Result<int64_t> id = required_integer(view, "id");
    const Result<std::string> content = required_string(view, "content");
    others += id && content && *id != added.find(*content) ? 1 : 0;
  }
  if (others > 0) {
    log_warning(
        fmt::format("tokenizer: {} added tokens get other ids than the file says, as in "
                    "the Python library",
                    others));
  }
}

Status read_added_tokens(const JsonView& root, Pipeline& out) {
  std::vector<AddedToken> tokens;
  std::vector<JsonView> views;
  if (const std::optional<JsonView> list = root.find("added_tokens")) {
    auto elements = list->as_array();
    if (!elements) {
      return fail(elements.error());
    }
    views = std::move(*elements);
  }
  for (const JsonView& view : views) {
    Result<AddedToken> token = read_added_token(view);
    if (!token) {
      return fail(std::move(token.error()));
    }
    tokens.push_back(std::move(*token));
  }
  Result<AddedTokens> added = AddedTokens::create(tokens, out.vocabulary, out.normalizer);
  if (!added) {
    return root.refuse_member("added_tokens", added.error().message);
  }
  warn_of_other_ids(views, *added);
  out.added.emplace(std::move(*added));
  return {};
}

/// Fills the tables by id.
void finish(Pipeline& out) {
  int64_t limit = out.vocabulary.id_limit();
  if (!out.added->by_id().empty()) {
    limit = std::max<int64_t>(limit, out.added->by_id().rbegin()->first + 1);
  }
  out.byte_begins.push_back(0);
  for (TokenId id = 0; id < limit; ++id) {
    const std::optional<std::string_view> spelling = out.spelling(id);
    out.special.push_back(spelling && out.added->is_special(*spelling) ? 1 : 0);
    if (spelling) {
      out.bytes += out.decoder.token_bytes(*spelling);
    }
    out.byte_begins.push_back(static_cast<uint32_t>(out.bytes.size()));
  }
}

template <typename Part>
Status assign(Result<Part> loaded, Part& out) {
  if (!loaded) {
    return fail(std::move(loaded.error()));
  }
  out = std::move(*loaded);
  return {};
}

}  // namespace

Result<std::unique_ptr<const Pipeline>> load_pipeline(std::string_view json) {
  const Result<JsonDocument> document =
      JsonDocument::parse(json, {.error = ErrorCode::kCorruptFile});
  if (!document) {
    return fail(document.error());
  }
  const JsonView root = document->root();
  const Status known =
      check_fields(root, {"version", "truncation", "padding", "added_tokens", "normalizer",
                          "pre_tokenizer", "post_processor", "decoder", "model"});
  const Result<std::string> version = string_or(root, "version", "1.0");
  const Result<JsonView> model = required(root, "model");
  if (!known || !version || !model) {
    return fail(!known ? known.error() : !version ? version.error() : model.error());
  }
  if (*version != "1.0") {
    return root.refuse_member("version", fmt::format("is {}, not 1.0", *version));
  }
  auto pipeline = std::make_unique<Pipeline>();
  Status done = assign(load_normalizer(root.find("normalizer")), pipeline->normalizer);
  if (done) {
    done = assign(load_pre_tokenizer(root.find("pre_tokenizer")), pipeline->pre_tokenizer);
  }
  if (done) {
    done = assign(load_post_processor(root.find("post_processor")), pipeline->post_processor);
  }
  if (done) {
    done = assign(load_decoder(root.find("decoder")), pipeline->decoder);
  }
  if (done) {
    done = read_model(*model, *pipeline);
  }
  if (done) {
    done = read_added_tokens(root, *pipeline);
  }
  if (!done) {
    return fail(std::move(done.error()));
  }
  finish(*pipeline);
  return pipeline;
}

}  // namespace dak::tok
