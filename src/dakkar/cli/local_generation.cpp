#include "dakkar/cli/local_generation.h"

#include <csignal>
#include <cstdio>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "dakkar/api/chat_stream.h"
#include "dakkar/api/prepared_call.h"
#include "dakkar/base/clock.h"
#include "dakkar/base/progress.h"

namespace dak {
namespace {

/// Sleeps until the engine has an event or the user presses Ctrl-C.
class InterruptibleWait final {
 public:
  InterruptibleWait() : event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    sigset_t set{};
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    signal_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  }
  ~InterruptibleWait() {
    close(event_);
    close(signal_);
  }
  InterruptibleWait(const InterruptibleWait&) = delete;
  InterruptibleWait& operator=(const InterruptibleWait&) = delete;

  /// From the engine's thread.
  void wake() const {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(event_, &one, sizeof(one));
  }
  /// Whether the user interrupted.
  [[nodiscard]] bool wait() const {
    pollfd looks[2] = {{.fd = event_, .events = POLLIN, .revents = 0},
                       {.fd = signal_, .events = POLLIN, .revents = 0}};
    poll(looks, 2, 1000);
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t drained = read(event_, &count, sizeof(count));
    signalfd_siginfo info{};
    return read(signal_, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info));
  }

 private:
  int event_ = -1;
  int signal_ = -1;
};

ChatRequest request_of(const LocalModel& model, const LocalPrompt& prompt) {
  const GenerationDefaults& defaults = model.served().defaults;
  const SamplingOptions& options = prompt.sampling;
  ChatRequest request;
  request.id = "local";
  request.model = model.served().names.front();
  request.prompts.push_back(prompt.source);
  request.start = prompt.start;
  const double temperature =
      options.temperature >= 0.0 ? options.temperature : defaults.temperature.value_or(1.0);
  const double top_p = options.top_p > 0.0 ? options.top_p : defaults.top_p.value_or(1.0);
  request.sampling.temperature = static_cast<float>(temperature);
  request.sampling.top_p = static_cast<float>(top_p);
  request.sampling.top_k = static_cast<int32_t>(defaults.top_k.value_or(0));
  if (options.seed >= 0) {
    request.seed = static_cast<uint64_t>(options.seed);
  }
  if (options.max_tokens > 0) {
    request.max_tokens = options.max_tokens;
  }
  return request;
}

}  // namespace

void block_interrupts() {
  sigset_t set{};
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

Result<std::unique_ptr<LocalModel>> start_local(const ModelOptions& options,
                                                const BackendOpener& open_backend) {
  Result<ModelFolder> folder = ModelFolder::open(options.model);
  if (!folder) {
    return fail(folder.error());
  }
  Result<std::unique_ptr<Backend>> backend = open_backend(options);
  if (!backend) {
    return fail(backend.error());
  }
  EngineConfig limits = engine_config(options);
  if (limits.max_num_seqs == 0) {
    limits.max_num_seqs = 1;
  }
  ProgressMeter meter("loading weights", stderr, progress_style_for(stderr));
  Result<std::unique_ptr<LocalModel>> model = LocalModel::start(
      {.options = options,
       .folder = std::move(*folder),
       .backend = std::move(*backend),
       .limits = limits,
       .progress = [&meter](int64_t done, int64_t total) { meter.update(done, total); }});
  if (model) {
    meter.finish();
  }
  return model;
}

Result<LocalAnswer> generate_locally(LocalModel& model, const LocalPrompt& prompt,
                                     const ShowPiece& show) {
  const SteadyTime begin = steady_now();
  Result<PreparedCall> prepared =
      prepare_call(request_of(model, prompt), model.text(), model.served());
  if (!prepared) {
    return fail(prepared.error());
  }
  LocalAnswer answer;
  answer.prompt_tokens = prepared->prompt_tokens;
  const InterruptibleWait wait;
  ChatStream text(std::move(prepared->choices.front().text));
  Result<std::unique_ptr<TokenStream>> stream =
      model.engine().submit(std::move(prepared->choices.front().request), [&wait] { wait.wake(); });
  if (!stream) {
    return fail(stream.error());
  }
  for (bool done = false; !done;) {
    const std::optional<GenerationEvent> event = (*stream)->try_next();
    if (!event) {
      if (wait.wait()) {
        model.engine().cancel((*stream)->handle());
      }
      continue;
    }
    if (event->finish == FinishReason::kError) {
      return fail(ErrorCode::kInternal, event->message);
    }
    const ChatDelta delta = text.push(*event);
    if (answer.tokens == 0 && text.tokens() > 0) {
      answer.first_token_seconds = seconds_between(begin, steady_now());
    }
    answer.tokens = text.tokens();
    answer.reasoning += delta.reasoning;
    answer.text += delta.content;
    show(delta.reasoning, AnswerPart::kReasoning);
    show(delta.content, AnswerPart::kText);
    done = event->finish.has_value();
    answer.reason = event->finish.value_or(FinishReason::kStop);
  }
  answer.seconds = seconds_between(begin, steady_now());
  return answer;
}

}  // namespace dak
