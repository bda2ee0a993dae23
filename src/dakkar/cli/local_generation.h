#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "dakkar/cli/local_model.h"
#include "dakkar/cli/options.h"
#include "dakkar/engine/request.h"

namespace dak {

/// What came of a generation in this process.
struct LocalAnswer {
  std::string reasoning;
  std::string text;
  FinishReason reason = FinishReason::kStop;
  int64_t prompt_tokens = 0;
  int64_t tokens = 0;
  double first_token_seconds = 0.0;
  double seconds = 0.0;
};

/// Shows a piece of an answer, and whether it is reasoning.
enum class AnswerPart { kReasoning, kText };
using ShowPiece = std::function<void(std::string_view piece, AnswerPart part)>;

/// Generates and shows text as it comes. A SIGINT that arrives meanwhile stops the answer, which
/// then ends as aborted; the caller has blocked that signal (`block_interrupts`).
struct LocalPrompt {
  PromptSource source;
  PromptStart start = PromptStart::kPlain;
  SamplingOptions sampling;
};
[[nodiscard]] Result<LocalAnswer> generate_locally(LocalModel& model, const LocalPrompt& prompt,
                                                   const ShowPiece& show);

/// Keeps SIGINT pending for `generate_locally` instead of ending the program.
void block_interrupts();

/// Opens a model for a command of one user: loads it, with progress on stderr, and starts the
/// engine for a few sequences.
[[nodiscard]] Result<std::unique_ptr<LocalModel>> start_local(const ModelOptions& options,
                                                              const BackendOpener& open_backend);

}  // namespace dak
