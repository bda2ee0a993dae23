#include <csignal>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include <fmt/core.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "dakkar/cli/commands.h"
#include "dakkar/cli/local_generation.h"
#include "dakkar/cli/model_summary.h"

namespace dak {
namespace {

constexpr auto kHelp =
    "  /reset          forget the conversation\n"
    "  /system TEXT    set the system message and start anew\n"
    "  /thinking on    ask for reasoning; /thinking off: not\n"
    "  /help           this list\n"
    "  /exit           leave (so does Ctrl-D)\n"
    "  Ctrl-C          stop an answer\n";

/// Escape sequences, or nothing when the output is no terminal.
struct Style {
  std::string_view dim;
  std::string_view bold;
  std::string_view plain;

  static Style of_stdout() {
    return isatty(STDOUT_FILENO) == 1 ? Style{"\x1b[2m", "\x1b[1m", "\x1b[0m"} : Style{};
  }
};

/// What a model writes must not steer the terminal: no control characters but line feed and tab.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 ? byte != 0x7F : (c == '\n' || c == '\t')) {
      out += c;
    }
  }
  return out;
}

/// Reads lines from stdin; Ctrl-C drops what was typed.
class LineReader final {
 public:
  LineReader() {
    sigset_t set{};
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    signal_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  }
  ~LineReader() { close(signal_); }
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  /// The next line without its end; nothing at the end of the input. `prompt` is shown again after
  /// Ctrl-C.
  [[nodiscard]] std::optional<std::string> next(std::string_view prompt) {
    show(prompt);
    for (;;) {
      if (const size_t end = pending_.find('\n'); end != std::string::npos) {
        std::string line = pending_.substr(0, end);
        pending_.erase(0, end + 1);
        return line;
      }
      if (interrupted()) {
        pending_.clear();
        fmt::print("\n(/exit or Ctrl-D leaves)\n");
        show(prompt);
      } else if (!read_more()) {
        return pending_.empty() ? std::nullopt : std::optional(std::exchange(pending_, {}));
      }
    }
  }

 private:
  static void show(std::string_view prompt) {
    fmt::print("{}", prompt);
    std::fflush(stdout);
  }

  /// Waits for input or Ctrl-C; whether it was the latter.
  [[nodiscard]] bool interrupted() const {
    pollfd looks[2] = {{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                       {.fd = signal_, .events = POLLIN, .revents = 0}};
    poll(looks, 2, -1);
    signalfd_siginfo info{};
    return read(signal_, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info));
  }

  [[nodiscard]] bool read_more() {
    char buffer[4096];
    const ssize_t got = read(STDIN_FILENO, buffer, sizeof(buffer));
    if (got > 0) {
      pending_.append(buffer, static_cast<size_t>(got));
    }
    return got > 0;
  }

  int signal_ = -1;
  std::string pending_;
};

/// Shows a piece of an answer: reasoning dimmed, an empty line between it and the text.
void show_piece(std::string_view piece, AnswerPart part, AnswerPart before, const Style& style) {
  if (piece.empty()) {
    return;
  }
  if (part == AnswerPart::kReasoning && before == AnswerPart::kText) {
    fmt::print("{}", style.dim);
  } else if (part == AnswerPart::kText && before == AnswerPart::kReasoning) {
    fmt::print("{}\n\n", style.plain);
  }
  fmt::print("{}", printable(piece));
  std::fflush(stdout);
}

/// The conversation and what the user set about it.
class Conversation final {
 public:
  Conversation(LocalModel& model, const ChatOptions& options)
      : model_(model),
        sampling_(options.sampling),
        system_(options.system),
        thinking_(!options.no_thinking) {
    reset();
  }

  void reset() {
    messages_.clear();
    if (!system_.empty()) {
      add("system", system_);
    }
  }
  void set_system(std::string text) {
    system_ = std::move(text);
    reset();
  }
  void set_thinking(std::string_view word) { thinking_ = word != "off"; }

  /// Asks and shows the answer.
  [[nodiscard]] Status ask(const std::string& text, const Style& style) {
    add("user", text);
    ChatPrompt chat;
    chat.messages = messages_;
    if (!thinking_) {
      chat.reasoning_effort = "none";
    }
    const LocalPrompt prompt{
        .source = std::move(chat), .start = PromptStart::kPlain, .sampling = sampling_};
    AnswerPart shown = AnswerPart::kText;
    const auto show = [&](std::string_view piece, AnswerPart part) {
      show_piece(piece, part, std::exchange(shown, piece.empty() ? shown : part), style);
    };
    const Result<LocalAnswer> answer = generate_locally(model_, prompt, show);
    if (!answer) {
      messages_.pop_back();
      return fail(answer.error());
    }
    if (shown == AnswerPart::kReasoning) {
      fmt::print("{}", style.plain);
    }
    add("assistant", answer->text);
    messages_.back().reasoning = answer->reasoning;
    fmt::print("\n{}[{}{} tokens, first after {:.2f} s, {:.1f} tok/s]{}\n", style.dim,
               answer->reason == FinishReason::kAbort ? "stopped, " : "", answer->tokens,
               answer->first_token_seconds, static_cast<double>(answer->tokens) / answer->seconds,
               style.plain);
    return {};
  }

 private:
  void add(std::string role, std::string content) {
    ChatMessage message;
    message.role = std::move(role);
    message.content = std::move(content);
    messages_.push_back(std::move(message));
  }

  LocalModel& model_;
  const SamplingOptions sampling_;
  std::string system_;
  bool thinking_;
  std::vector<ChatMessage> messages_;
};

/// Does what a line starting with a slash says; false to leave.
bool obey(const std::string& line, Conversation& conversation) {
  const size_t space = line.find(' ');
  const std::string word = line.substr(0, space);
  const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
  if (word == "/exit" || word == "/quit") {
    return false;
  }
  if (word == "/reset") {
    conversation.reset();
    fmt::print("(forgotten)\n");
  } else if (word == "/system") {
    conversation.set_system(rest);
    fmt::print("(new system message, conversation forgotten)\n");
  } else if (word == "/thinking" && (rest == "on" || rest == "off")) {
    conversation.set_thinking(rest);
    fmt::print("(thinking {})\n", rest);
  } else {
    fmt::print("{}", kHelp);
  }
  return true;
}

}  // namespace

Result<int> run_chat(const ChatOptions& options, const BackendOpener& open_backend) {
  block_interrupts();
  Result<std::unique_ptr<LocalModel>> model = start_local(options.model, open_backend);
  if (!model) {
    return fail(model.error());
  }
  if ((*model)->text().chat_template() == nullptr) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} has no chat template: use dakkar generate instead",
                            (*model)->folder().name));
  }
  const Style style = Style::of_stdout();
  fmt::print("{}{}{}, {}\n{}/help lists commands, Ctrl-C stops an answer{}\n\n", style.bold,
             (*model)->folder().name, style.plain, layers_line((*model)->folder().config),
             style.dim, style.plain);
  Conversation conversation(**model, options);
  LineReader reader;
  const std::string prompt = fmt::format("{}> {}", style.bold, style.plain);
  while (const std::optional<std::string> line = reader.next(prompt)) {
    if (line->empty()) {
      continue;
    }
    if (line->front() == '/') {
      if (!obey(*line, conversation)) {
        break;
      }
      continue;
    }
    if (const Status status = conversation.ask(*line, style); !status) {
      fmt::print("(failed: {})\n", status.error().message);
    }
  }
  return 0;
}

}  // namespace dak
