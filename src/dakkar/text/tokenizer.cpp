#include "dakkar/text/tokenizer.h"

#include <fstream>

#include <fmt/core.h>

#include "dakkar/text/tokenizer/load.h"
#include "dakkar/text/tokenizer/pipeline.h"
#include "dakkar/text/tokenizer/utf8.h"

namespace dak {
namespace {

constexpr int64_t kMaxFileBytes = int64_t{256} << 20;
constexpr int64_t kMaxTextBytes = (int64_t{1} << 31) - 1;

void append_valid(std::string_view text, std::string& out) {
  if (tok::is_utf8(text)) {
    out += text;
  } else {
    tok::append_lossy(text, out);
  }
}

Result<std::vector<TokenId>> encode_valid(const tok::Pipeline& pipeline, std::string_view text,
                                          const tok::UserRanges& user, AddSpecialTokens add) {
  if (static_cast<int64_t>(text.size()) > kMaxTextBytes) {
    return fail(ErrorCode::kTooLarge, fmt::format("a text of {} bytes is too long", text.size()));
  }
  Result<std::vector<TokenId>> ids = tok::encode_text(pipeline, text, user);
  if (!ids) {
    return ids;
  }
  return tok::with_special_tokens(
      pipeline.post_processor, std::move(*ids),
      add == AddSpecialTokens::kYes ? tok::SpecialTokens::kAdd : tok::SpecialTokens::kLeaveOut);
}

}  // namespace

Result<Tokenizer> Tokenizer::load(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream || std::filesystem::is_directory(file)) {
    return fail(ErrorCode::kNotFound, fmt::format("{}: cannot be opened", file.string()));
  }
  std::string json;
  std::string block(size_t{1} << 20, '\0');
  while (stream.read(block.data(), static_cast<std::streamsize>(block.size())) ||
         stream.gcount() > 0) {
    json.append(block, 0, static_cast<size_t>(stream.gcount()));
    if (static_cast<int64_t>(json.size()) > kMaxFileBytes) {
      return fail(ErrorCode::kTooLarge, fmt::format("{}: is over 256 MiB", file.string()));
    }
  }
  if (stream.bad()) {
    return fail(ErrorCode::kCorruptFile, fmt::format("{}: cannot be read", file.string()));
  }
  Result<Tokenizer> tokenizer = parse(json);
  if (!tokenizer) {
    return fail_in(file.string(), std::move(tokenizer.error()));
  }
  return tokenizer;
}

Result<Tokenizer> Tokenizer::parse(std::string_view json) {
  Result<std::unique_ptr<const tok::Pipeline>> pipeline = tok::load_pipeline(json);
  if (!pipeline) {
    return fail(std::move(pipeline.error()));
  }
  return Tokenizer(std::move(*pipeline));
}

Tokenizer::Tokenizer(std::unique_ptr<const tok::Pipeline> pipeline)
    : pipeline_(std::move(pipeline)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&& other) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&& other) noexcept = default;

Result<std::vector<TokenId>> Tokenizer::encode(std::string_view text, AddSpecialTokens add) const {
  if (tok::is_utf8(text)) {
    return encode_valid(*pipeline_, text, {}, add);
  }
  std::string valid;
  tok::append_lossy(text, valid);
  return encode_valid(*pipeline_, valid, {}, add);
}

Result<std::vector<TokenId>> Tokenizer::encode_spans(std::span<const TextSpan> spans,
                                                     AddSpecialTokens add) const {
  std::string text;
  tok::UserRanges user;
  for (const TextSpan& span : spans) {
    const auto begin = static_cast<int64_t>(text.size());
    append_valid(span.text, text);
    if (span.origin == SpanOrigin::kUser) {
      user.add(begin, static_cast<int64_t>(text.size()));
    }
  }
  return encode_valid(*pipeline_, text, user, add);
}

std::string Tokenizer::decode(std::span<const TokenId> ids, SkipSpecialTokens skip) const {
  tok::DecoderRun run(pipeline_->decoder);
  std::string text;
  for (const TokenId id : ids) {
    const std::optional<std::string_view> spelling = token_of(id);
    if (spelling && (skip == SkipSpecialTokens::kNo || !is_special(id))) {
      run.push(*spelling, text);
    }
  }
  run.finish(text);
  return text;
}

std::string_view Tokenizer::token_bytes(TokenId id) const {
  if (id < 0 || id >= id_limit()) {
    return {};
  }
  const auto index = static_cast<size_t>(id);
  const uint32_t begin = pipeline_->byte_begins[index];
  return std::string_view(pipeline_->bytes)
      .substr(begin, pipeline_->byte_begins[index + 1] - begin);
}

std::optional<TokenId> Tokenizer::id_of(std::string_view token) const {
  const TokenId added = pipeline_->added->find(token);
  const TokenId id = added >= 0 ? added : pipeline_->vocabulary.find(token);
  return id >= 0 ? std::optional<TokenId>(id) : std::nullopt;
}

std::optional<std::string_view> Tokenizer::token_of(TokenId id) const {
  return pipeline_->spelling(id);
}

bool Tokenizer::is_special(TokenId id) const {
  return id >= 0 && id < id_limit() && pipeline_->special[static_cast<size_t>(id)] != 0;
}

int64_t Tokenizer::vocab_size() const {
  int64_t size = pipeline_->vocabulary.size();
  for (const auto& [id, token] : pipeline_->added->by_id()) {
    size += pipeline_->vocabulary.find(token.content) < 0 ? 1 : 0;
  }
  return size;
}

int64_t Tokenizer::id_limit() const {
  return static_cast<int64_t>(pipeline_->special.size());
}

}  // namespace dak
