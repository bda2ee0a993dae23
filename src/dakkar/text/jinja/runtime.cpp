#include "dakkar/text/jinja/runtime.h"

#include <utility>

#include <fmt/core.h>

namespace dak::jinja {
namespace {

constexpr int64_t kCopyBelow = 128;  // shorter strings are copied instead of joined lazily

}  // namespace

Value Runtime::raise(std::string message) {
  if (!failed_) {
    failed_ = true;
    message_ = fmt::format("line {}: {}", line_, message);
  }
  return Value::failed();
}

Value Runtime::raise_exception(std::string message) {
  if (!failed_) {
    failed_ = true;
    message_ = std::move(message);
  }
  return Value::failed();
}

bool Runtime::spend(int64_t steps) {
  steps_ += steps;
  if (steps_ <= limits_.steps) {
    return true;
  }
  out_of_budget_ = true;
  raise(fmt::format("template took more than {} steps", limits_.steps));
  return false;
}

bool Runtime::room_for(int64_t bytes) {
  if (bytes <= limits_.memory_bytes - heap_.used()) {
    return true;
  }
  out_of_budget_ = true;
  raise(fmt::format("template used more than {} bytes of memory", limits_.memory_bytes));
  return false;
}

Value Runtime::text(MarkedText text) {
  return spend(text.size() / 4) && room_for(text.size()) ? heap_.string(std::move(text))
                                                         : Value::failed();
}

Value Runtime::text(std::string_view bytes, Origin origin) {
  return text(MarkedText(std::string(bytes), origin));
}

Value Runtime::list(std::vector<Value> items) {
  return room_for(static_cast<int64_t>(items.size())) ? heap_.list(std::move(items))
                                                      : Value::failed();
}

Value Runtime::tuple(std::vector<Value> items) {
  return room_for(static_cast<int64_t>(items.size())) ? heap_.tuple(std::move(items))
                                                      : Value::failed();
}

Value Runtime::undefined(std::string message) {
  return room_for(64) ? heap_.undefined(std::move(message)) : Value::failed();
}

Value Runtime::generator(std::vector<Value> items, std::string error) {
  if (!room_for(static_cast<int64_t>(items.size() * sizeof(Value)))) {
    return Value::failed();
  }
  auto& made = heap_.make<GeneratorObject>();
  heap_.charge(static_cast<int64_t>(items.size() * sizeof(Value)));
  made.items = std::move(items);
  made.error = std::move(error);
  return Value::object_of(Kind::kGenerator, &made);
}

Value Runtime::joined(const Value& left, const Value& right) {
  const int64_t size = left.string().bytes_size() + right.string().bytes_size();
  if (size < kCopyBelow) {
    MarkedText both = left.text();
    both.append(right.text());
    return text(std::move(both));
  }
  if (size > limits_.output_bytes) {
    out_of_budget_ = true;
    return raise(fmt::format("string is longer than {} bytes", limits_.output_bytes));
  }
  if (!room_for(128)) {
    return Value::failed();
  }
  return Value::object_of(Kind::kString, &heap_.make<StringObject>(left.string(), right.string()));
}

void Runtime::write(const MarkedText& text) {
  MarkedText& buffer = buffers_.back();
  if (buffer.size() + text.size() > limits_.output_bytes) {
    out_of_budget_ = true;
    raise(fmt::format("output is longer than {} bytes", limits_.output_bytes));
    return;
  }
  buffer.append(text);
}

MarkedText Runtime::close_buffer() {
  MarkedText text = std::move(buffers_.back());
  buffers_.pop_back();
  return text;
}

std::string Runtime::take_error() {
  if (!failed_ || out_of_budget_) {
    return {};
  }
  failed_ = false;
  return std::exchange(message_, {});
}

}  // namespace dak::jinja
