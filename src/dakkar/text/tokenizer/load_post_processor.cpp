#include <algorithm>
#include <string>

#include <fmt/core.h>

#include "dakkar/text/tokenizer/load.h"

namespace dak::tok {
namespace {

/// What a template may put around a text: real ones have two or three pieces of one token each.
constexpr size_t kMostPieces = 16;
constexpr size_t kMostIds = 1024;

Result<TokenId> token_id_in(const JsonView& view) {
  const Result<int64_t> id = view.as_integer();
  if (!id) {
    return fail(id.error());
  }
  if (*id < 0 || *id >= kMaxTokenId) {
    return view.refuse("is no token id");
  }
  return static_cast<TokenId>(*id);
}

/// The ids that `special_tokens` gives for `name`.
Result<std::vector<TokenId>> special_ids(const JsonView& processor, std::string_view name) {
  const Result<JsonView> table = required(processor, "special_tokens");
  const Result<JsonView> entry = table ? required(*table, name) : fail(table.error());
  const Result<JsonView> list = entry ? required(*entry, "ids") : fail(entry.error());
  const auto elements = list ? list->as_array() : fail(list.error());
  if (!elements) {
    return fail(elements.error());
  }
  std::vector<TokenId> ids;
  for (const JsonView& element : *elements) {
    const Result<TokenId> id = token_id_in(element);
    if (!id) {
      return fail(id.error());
    }
    ids.push_back(*id);
  }
  return ids;
}

Result<TemplatePart> template_part(const JsonView& processor, const JsonView& piece) {
  if (const Status known = check_fields(piece, {"Sequence", "SpecialToken"}); !known) {
    return fail(known.error());
  }
  if (const std::optional<JsonView> sequence = piece.find("Sequence")) {
    const Result<std::string> id = required_string(*sequence, "id");
    if (!id) {
      return fail(id.error());
    }
    if (*id != "A") {
      return sequence->refuse_member("id", "must be A in a template for one text");
    }
    return TemplatePart{.is_text = true, .ids = {}};
  }
  const Result<JsonView> token = required(piece, "SpecialToken");
  const Result<std::string> name = token ? required_string(*token, "id") : fail(token.error());
  auto ids = name ? special_ids(processor, *name) : fail(name.error());
  if (!ids) {
    return fail(std::move(ids.error()));
  }
  return TemplatePart{.is_text = false, .ids = std::move(*ids)};
}

Result<std::vector<TemplatePart>> read_template(const JsonView& view) {
  if (const Status known = check_fields(view, {"type", "single", "pair", "special_tokens"});
      !known) {
    return fail(known.error());
  }
  const Result<JsonView> single = required(view, "single");
  const auto pieces = single ? single->as_array() : fail(single.error());
  if (!pieces) {
    return fail(pieces.error());
  }
  if (pieces->size() > kMostPieces) {
    return single->refuse(fmt::format("has {} pieces, more than {}", pieces->size(), kMostPieces));
  }
  std::vector<TemplatePart> parts;
  size_t ids = 0;
  for (const JsonView& piece : *pieces) {
    Result<TemplatePart> part = template_part(view, piece);
    if (!part) {
      return fail(std::move(part.error()));
    }
    ids += part->ids.size();
    if (ids > kMostIds) {
      return single->refuse(fmt::format("adds more than {} tokens to every text", kMostIds));
    }
    parts.push_back(std::move(*part));
  }
  return parts;
}

/// The id in `["<s>", 1]`.
Result<TokenId> paired_id(const JsonView& view, std::string_view key) {
  const Result<JsonView> pair = required(view, key);
  const auto elements = pair ? pair->as_array() : fail(pair.error());
  if (!elements) {
    return fail(elements.error());
  }
  if (elements->size() != 2) {
    return pair->refuse("must be a token and its id");
  }
  return token_id_in((*elements)[1]);
}

Result<std::vector<TemplatePart>> read_bert_or_roberta(const JsonView& view) {
  const Status known =
      check_fields(view, {"type", "sep", "cls", "trim_offsets", "add_prefix_space"});
  const Result<TokenId> cls = paired_id(view, "cls");
  const Result<TokenId> sep = paired_id(view, "sep");
  if (!known || !cls || !sep) {
    return fail(!known ? known.error() : !cls ? cls.error() : sep.error());
  }
  return std::vector<TemplatePart>{{false, {*cls}}, {true, {}}, {false, {*sep}}};
}

/// ByteLevel only moves offsets, which nobody here asks for.
Result<std::vector<TemplatePart>> read_byte_level(const JsonView& view) {
  const Status known =
      check_fields(view, {"type", "add_prefix_space", "trim_offsets", "use_regex"});
  if (!known) {
    return fail(known.error());
  }
  return PostProcessor{}.parts;
}

bool adds_nothing(const PostProcessor& processor) {
  return processor.parts.size() == 1 && processor.parts.front().is_text;
}

Status read_processor(const JsonView& view, PostProcessor& out);

Status read_sequence(const JsonView& view, PostProcessor& out) {
  if (const Status known = check_fields(view, {"type", "processors"}); !known) {
    return known;
  }
  const Result<JsonView> list = required(view, "processors");
  const auto elements = list ? list->as_array() : fail(list.error());
  if (!elements) {
    return fail(elements.error());
  }
  for (const JsonView& element : *elements) {
    PostProcessor next;
    if (const Status done = read_processor(element, next); !done) {
      return done;
    }
    if (!adds_nothing(next) && !adds_nothing(out)) {
      return element.refuse("is a second post-processor that adds tokens, which is not supported");
    }
    if (!adds_nothing(next)) {
      out = std::move(next);
    }
  }
  return {};
}

Status read_processor(const JsonView& view, PostProcessor& out) {
  const Result<std::string> type = required_string(view, "type");
  if (!type) {
    return fail(type.error());
  }
  if (*type == "Sequence") {
    return read_sequence(view, out);
  }
  Result<std::vector<TemplatePart>> parts =
      *type == "TemplateProcessing" ? read_template(view)
      : *type == "ByteLevel"        ? read_byte_level(view)
      : *type == "RobertaProcessing" || *type == "BertProcessing"
          ? read_bert_or_roberta(view)
          : Result<std::vector<TemplatePart>>(
                view.refuse(fmt::format("has type {}, which this tokenizer does not know", *type)));
  if (!parts) {
    return fail(std::move(parts.error()));
  }
  out.parts = std::move(*parts);
  return {};
}

}  // namespace

Result<PostProcessor> load_post_processor(const std::optional<JsonView>& view) {
  PostProcessor processor;
  if (view) {
    if (const Status done = read_processor(*view, processor); !done) {
      return fail(done.error());
    }
  }
  return processor;
}

}  // namespace dak::tok
