#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace dak {

/// Names what kind of expected failure happened. Each API maps a code to its own status once, in
/// its dialect; nothing else inspects it.
enum class ErrorCode {
  kInvalidArgument,    ///< the caller's input is wrong (HTTP 400)
  kNotFound,           ///< a model, file or route does not exist (HTTP 404)
  kTooLarge,           ///< a body or file is over its limit (HTTP 413)
  kResourceExhausted,  ///< a bounded queue or pool is full, try later (HTTP 429)
  kUnimplemented,      ///< known, but this build cannot do it yet (HTTP 400)
  kUnavailable,        ///< loading, draining or dead (HTTP 503)
  kCorruptFile,        ///< a checkpoint file contradicts itself
  kUnsupportedModel,   ///< a checkpoint asks for maths this program does not do
  kInternal,           ///< our fault, one request only (HTTP 500)
};

/// An expected failure: a code, one sentence in lower case without full stop, and, for requests,
/// the field at fault.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message{};
  std::string param{};  ///< JSON field the message is about, or empty
};

/// A value or an `Error`. Bugs are not errors: they abort through `check`.
template <typename T>
using Result = tl::expected<T, Error>;

/// A success without a value, or an `Error`.
using Status = Result<void>;

/// Builds the failing side of a `Result`.
[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message,
                                                std::string param = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(param)});
}

/// Passes an error on unchanged.
[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

/// Passes an error on with `prefix` and a colon in front of its message.
[[nodiscard]] inline tl::unexpected<Error> fail_in(std::string_view prefix, Error error) {
  error.message = std::string(prefix) + ": " + error.message;
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace dak
