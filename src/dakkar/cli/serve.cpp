#include <atomic>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/core.h>
#include <sys/resource.h>

#include "dakkar/base/log.h"
#include "dakkar/base/progress.h"
#include "dakkar/cli/commands.h"
#include "dakkar/cli/local_model.h"
#include "dakkar/cli/model_summary.h"
#include "dakkar/cli/start_check.h"
#include "dakkar/server/http_server.h"
#include "dakkar/server/version.h"

namespace dak {
namespace {

/// The signals that end a server, taken by waiting so that no handler runs in the middle of things.
class StopSignals final {
 public:
  StopSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGINT);
    sigaddset(&set_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
  }

  /// Waits a tenth of a second for one.
  [[nodiscard]] bool arrived() const {
    const timespec wait{.tv_sec = 0, .tv_nsec = 100'000'000};
    return sigtimedwait(&set_, nullptr, &wait) > 0;
  }

 private:
  sigset_t set_{};
};

void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

std::string url_host(const std::string& host) {
  if (host == "0.0.0.0" || host == "::") {
    return "localhost";
  }
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

/// A call to paste: a chat where the checkpoint can chat, else a completion.
std::string example_call(const CheckpointText& text, const ServerConfig& config,
                         const std::string& url) {
  std::string_view path = "/v1/chat/completions";
  std::string_view body = R"({"messages":[{"role":"user","content":"hi"}],"stream":true})";
  if (text.chat_template() == nullptr) {
    path = "/v1/completions";
    body = text.tokenizer() != nullptr ? R"({"prompt":"Once upon a time","stream":true})"
                                       : R"({"prompt":[1,2,3],"stream":true})";
  }
  const std::string_view key =
      config.api_keys.empty() ? "" : " \\\n    -H \"Authorization: Bearer $KEY\"";
  return fmt::format("  curl -N {}{}{} \\\n    -d '{}'\n", url, path, key, body);
}

std::string_view text_line(const CheckpointText& text) {
  if (text.tokenizer() == nullptr) {
    return "no tokenizer: prompts are token ids, on /v1/completions";
  }
  return text.chat_template() != nullptr ? "tokenizer and chat template of the checkpoint"
                                         : "no chat template: use /v1/completions";
}

/// Says so where longer requests are let in than the model was trained on.
std::string trained_note(const ServedModel& model) {
  return model.trained_len > 0 && model.trained_len < model.max_model_len
             ? fmt::format(" (trained on {})", model.trained_len)
             : "";
}

void print_banner(LocalModel& model, const ServerConfig& config, uint16_t port) {
  const ModelFolder& folder = model.folder();
  Engine& engine = model.engine();
  const EngineStats stats = engine.stats();
  const CacheSpec& spec = engine.cache_spec();
  std::string names;
  for (const std::string& name : model.served().names) {
    names += (names.empty() ? "" : ", ") + name;
  }
  fmt::print("\n  Dakkar {} serves {}\n\n", version_text(), names);
  fmt::print("  model    {}\n", layers_line(folder.config));
  fmt::print("  weights  {} in {} tensors; {} packed, {} in memory at the peak of loading\n",
             human_bytes(model.weights().total_bytes()), model.weights().tensor_count(),
             human_bytes(stats.weight_bytes), human_bytes(model.load_peak_bytes()));
  fmt::print("  device   {}\n", model.backend().description());
  fmt::print("  memory   {} state slots of {}, {} KV pages of {} tokens ({} each)\n",
             stats.slots_total, human_bytes(spec.state_bytes()), stats.pages_total,
             spec.page_tokens, human_bytes(spec.page_bytes));
  fmt::print("  limits   {} tokens per request{}, {} requests at a time\n", engine.max_model_len(),
             trained_note(model.served()), engine.max_num_seqs());
  fmt::print("  text     {}\n", text_line(model.text()));
  const std::string url = fmt::format("http://{}:{}", url_host(config.host), port);
  fmt::print("  keys     {}\n\n", config.api_keys.empty() ? "none needed" : "needed");
  fmt::print("  Ready: {}\n\n", url);
  fmt::print("{}\n", example_call(model.text(), config, url));
  std::fflush(stdout);
}

/// Loads in the background while the server answers probes.
class Loading final {
 public:
  Loading(LocalModel::Args args, ServerState& state)
      : thread_([this, &state, inputs = std::move(args)]() mutable {
          load(std::move(inputs), state);
        }) {}
  ~Loading() { thread_.join(); }

  [[nodiscard]] bool done() const { return done_; }
  /// After `done`.
  [[nodiscard]] Result<std::unique_ptr<LocalModel>>& result() { return result_; }

 private:
  void load(LocalModel::Args args, ServerState& state) {
    args.progress = [&](int64_t bytes, int64_t total) {
      meter_.update(bytes, total);
      state.set_loading("loading weights", bytes, total);
    };
    result_ = LocalModel::start(std::move(args));
    if (result_) {
      meter_.finish();
      state.set_loading("trying out", 0, 0);
      if (const Status status = (*result_)->try_out(); !status) {
        result_ = fail(status.error());
      }
    }
    done_ = true;
  }

  ProgressMeter meter_{"loading weights", stderr, progress_style_for(stderr)};
  Result<std::unique_ptr<LocalModel>> result_;
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

EngineConfig serve_limits(const ServeOptions& options) {
  EngineConfig limits = engine_config(options.model);
  limits.max_queued = options.max_queued;
  limits.stall_seconds = options.server.stall_seconds;
  limits.reserved_bytes = kSelfCheckBytes;
  limits.policy =
      options.policy == "priority" ? SchedulingPolicy::kPriority : SchedulingPolicy::kFifo;
  return limits;
}

/// Refuses what is new and gives what runs its time; a second signal ends that at once.
void drain(HttpServer& server, ServerState& state, const StopSignals& signals, double seconds) {
  state.begin_drain();
  log_info(fmt::format("stopping: {} requests may finish within {:.0f} s", server.active_calls(),
                       seconds));
  const SteadyTime begin = steady_now();
  while (server.active_calls() > 0 && seconds_between(begin, steady_now()) < seconds) {
    if (signals.arrived()) {
      log_warning("second signal: stopping at once");
      return;
    }
  }
}

Result<int> serve_until_stopped(const ServeOptions& options, const StopSignals& signals,
                                LocalModel::Args args) {
  std::vector<std::string> names = options.served_names;
  if (names.empty()) {
    names.push_back(args.folder.name);
  }
  ServerState state(options.server.stall_seconds);
  MetricRegistry registry({{"model_name", names.front()}, {"engine", "0"}});
  ServerApp app(options.server, state, registry);
  Result<std::unique_ptr<HttpServer>> server = HttpServer::open(app);
  if (!server) {
    return fail(server.error());
  }
  log_info(fmt::format("listening on {} port {}, loading {}", options.server.host,
                       (*server)->port(), args.folder.name));
  Loading loading(std::move(args), state);
  while (!loading.done()) {
    if (signals.arrived()) {
      log_info("stopped while loading");
      std::fflush(nullptr);
      std::_Exit(0);
    }
  }
  if (!loading.result()) {
    return fail(loading.result().error());
  }
  LocalModel& model = **loading.result();
  model.served().names = names;
  model.served().limits.max_n = options.max_n;
  state.set_ready({.engine = &model.engine(),
                   .text = &model.text(),
                   .model = &model.served(),
                   .before = model.engine().stats()});
  print_banner(model, options.server, (*server)->port());
  const StartCheck check(options.model, model, state);
  while (!signals.arrived()) {
  }
  drain(**server, state, signals, options.drain_seconds);
  model.engine().drain(0.0);
  (*server)->stop(2.0);
  log_info("stopped");
  return 0;
}

}  // namespace

Result<int> run_serve(const ServeOptions& options, const BackendOpener& open_backend) {
  const StopSignals signals;
  raise_file_limit();
  Result<ModelFolder> folder = ModelFolder::open(options.model.model);
  if (!folder) {
    return fail(folder.error());
  }
  Result<std::unique_ptr<Backend>> backend = open_backend(options.model);
  if (!backend) {
    return fail(backend.error());
  }
  return serve_until_stopped(options, signals,
                             {.options = options.model,
                              .folder = std::move(*folder),
                              .backend = std::move(*backend),
                              .limits = serve_limits(options),
                              .progress = {}});
}

}  // namespace dak
