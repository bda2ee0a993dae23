#include <cstdio>
#include <string>

#include <fmt/core.h>
#include <unistd.h>

#include "dakkar/cli/commands.h"
#include "dakkar/cli/local_generation.h"

namespace dak {
namespace {

std::string read_stdin() {
  std::string text;
  char buffer[4096];
  for (size_t got = 0; (got = std::fread(buffer, 1, sizeof(buffer), stdin)) > 0;) {
    text.append(buffer, got);
  }
  return text;
}

}  // namespace

Result<int> run_generate(const GenerateOptions& options, const BackendOpener& open_backend) {
  block_interrupts();
  Result<std::unique_ptr<LocalModel>> model = start_local(options.model, open_backend);
  if (!model) {
    return fail(model.error());
  }
  LocalPrompt prompt;
  prompt.source = TextPrompt{options.prompt == "-" ? read_stdin() : options.prompt};
  prompt.start = PromptStart::kSpecialTokens;
  prompt.sampling = options.sampling;
  if (prompt.sampling.max_tokens == 0) {
    prompt.sampling.max_tokens = 128;
  }
  if (options.echo) {
    fmt::print("{}", std::get<TextPrompt>(prompt.source).text);
  }
  const auto show = [](std::string_view text, AnswerPart) {
    fmt::print("{}", text);
    std::fflush(stdout);
  };
  const Result<LocalAnswer> answer = generate_locally(**model, prompt, show);
  if (!answer) {
    return fail(answer.error());
  }
  fmt::print("\n");
  fmt::print(stderr, "[{} prompt tokens, {} generated, first after {:.2f} s, {:.1f} tok/s]\n",
             answer->prompt_tokens, answer->tokens, answer->first_token_seconds,
             static_cast<double>(answer->tokens) / answer->seconds);
  return answer->reason == FinishReason::kAbort ? 130 : 0;
}

}  // namespace dak
