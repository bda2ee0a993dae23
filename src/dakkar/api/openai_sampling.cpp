#include "dakkar/api/openai_sampling.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/core.h>

namespace dak {
namespace {

constexpr NumberRange kUnit{.least = 0.0, .most = 1.0};
constexpr NumberRange kPenalty{.least = -2.0, .most = 2.0};
constexpr double kMaxBias = 100.0;

/// The nearest float that is still above zero, as `number` is.
float positive_float(double number) {
  return std::max(static_cast<float>(number), std::numeric_limits<float>::min());
}

std::optional<TokenId> parse_token_key(std::string_view text, int64_t vocab) {
  int64_t id = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id < 0 || id >= vocab) {
    return std::nullopt;
  }
  return static_cast<TokenId>(id);
}

void read_logit_bias(FieldReader& fields, int64_t vocab, SamplingParams& sampling) {
  const auto bias = fields.find("logit_bias");
  if (!bias) {
    return;
  }
  const auto members = bias->as_object();
  if (!members) {
    fields.refuse(members.error());
    return;
  }
  for (const auto& [key, value] : *members) {
    const auto id = parse_token_key(key, vocab);
    const Result<double> number = value.as_number();
    if (!id || !number) {
      fields.refuse("logit_bias",
                    fmt::format("must map token ids from 0 to {} to numbers", vocab - 1));
      return;
    }
    sampling.logit_bias.emplace_back(*id,
                                     static_cast<float>(std::clamp(*number, -kMaxBias, kMaxBias)));
  }
}

int32_t read_top_k(FieldReader& fields, int64_t fallback) {
  const auto top_k =
      fields.integer("top_k", fallback, {.least = -1, .most = std::numeric_limits<int32_t>::max()});
  return static_cast<int32_t>(std::max<int64_t>(top_k, 0));
}

std::vector<std::string> parse_stops(FieldReader& fields, const JsonView& stop) {
  std::vector<std::string> stops;
  if (stop.is_string()) {
    stops.emplace_back(*stop.as_string());
    return stops;
  }
  const auto elements = stop.as_array();
  if (!elements) {
    fields.refuse("stop", "must be a string or an array of strings");
    return stops;
  }
  for (const JsonView& element : *elements) {
    const auto text = element.as_string();
    if (!text) {
      fields.refuse(text.error());
      return stops;
    }
    stops.emplace_back(*text);
  }
  return stops;
}

}  // namespace

void read_sampling(FieldReader& fields, const ServedModel& model, ChatRequest& request) {
  const GenerationDefaults& defaults = model.defaults;
  SamplingParams& sampling = request.sampling;
  sampling.temperature = static_cast<float>(fields.number(
      "temperature", defaults.temperature.value_or(1.0), {.least = 0.0, .most = 2.0}));
  sampling.top_p = positive_float(
      fields.number("top_p", defaults.top_p.value_or(1.0),
                    {.least = 0.0, .most = 1.0, .lower = NumberRange::Lower::kExcluded}));
  sampling.top_k = read_top_k(fields, defaults.top_k.value_or(0));
  sampling.min_p = static_cast<float>(fields.number("min_p", defaults.min_p.value_or(0.0), kUnit));
  sampling.presence_penalty = static_cast<float>(fields.number("presence_penalty", 0.0, kPenalty));
  sampling.frequency_penalty =
      static_cast<float>(fields.number("frequency_penalty", 0.0, kPenalty));
  sampling.repetition_penalty = positive_float(
      fields.number("repetition_penalty", defaults.repetition_penalty.value_or(1.0),
                    {.least = 0.0, .most = 1e6, .lower = NumberRange::Lower::kExcluded}));
  read_logit_bias(fields, model.vocab, sampling);
  const auto seed = fields.optional_integer("seed", {.least = std::numeric_limits<int64_t>::min(),
                                                     .most = std::numeric_limits<int64_t>::max()});
  request.seed = seed ? std::optional<uint64_t>(static_cast<uint64_t>(*seed)) : std::nullopt;
}

void read_stop_rules(FieldReader& fields, const ServedModel& model, ChatRequest& request) {
  request.stop_ids = fields.token_ids("stop_token_ids", model.vocab);
  request.ignore_eos = fields.flag_or_false("ignore_eos");
  const auto stop = fields.find("stop");
  if (!stop) {
    return;
  }
  request.stop_strings = parse_stops(fields, *stop);
  const RequestLimits& limits = model.limits;
  if (static_cast<int64_t>(request.stop_strings.size()) > limits.max_stop_strings) {
    fields.refuse("stop", fmt::format("may hold at most {} strings", limits.max_stop_strings));
  }
  for (const std::string& text : request.stop_strings) {
    if (text.empty() || static_cast<int64_t>(text.size()) > limits.max_stop_bytes) {
      fields.refuse("stop",
                    fmt::format("must hold strings of 1 to {} bytes", limits.max_stop_bytes));
    }
  }
}

}  // namespace dak
