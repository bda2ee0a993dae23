#include "dakkar/base/progress.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/core.h>
#include <unistd.h>

namespace dak {
namespace {

constexpr double kBarPeriodS = 0.1;
constexpr double kLinePeriodS = 3.0;
constexpr int kBarColumns = 24;

std::string size_text(int64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1000.0 && unit + 1 < kUnits.size()) {
    value /= 1000.0;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<int64_t>(seconds + 0.5);
  if (whole < 60) {
    return fmt::format("{} s", whole);
  }
  if (whole < 3600) {
    return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  }
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

double share_of(const ProgressState& state) {
  if (state.bytes_total <= 0) {
    return 1.0;
  }
  return std::clamp(static_cast<double>(state.bytes_done) / static_cast<double>(state.bytes_total),
                    0.0, 1.0);
}

std::string figures(const ProgressState& state) {
  const double done = static_cast<double>(state.bytes_done);
  const double speed = state.seconds > 0.0 ? done / state.seconds : 0.0;
  std::string text = fmt::format("{:.0f}%, {} of {}", 100.0 * share_of(state),
                                 size_text(state.bytes_done), size_text(state.bytes_total));
  if (speed > 0.0) {
    text += fmt::format(", {:.2f} GB/s", speed / 1e9);
  }
  if (state.bytes_done >= state.bytes_total) {
    return text + fmt::format(", took {:.1f} s", state.seconds);
  }
  if (speed > 0.0) {
    const double left = static_cast<double>(state.bytes_total) - done;
    text += fmt::format(", {} left", duration_text(left / speed));
  }
  return text;
}

}  // namespace

std::string progress_line(const ProgressState& state) {
  return fmt::format("{}: {}", state.label, figures(state));
}

std::string progress_bar(const ProgressState& state, int bar_columns) {
  const auto filled = static_cast<size_t>(share_of(state) * bar_columns);
  std::string bar(filled, '#');
  bar.resize(static_cast<size_t>(bar_columns), '.');
  return fmt::format("{} [{}] {}", state.label, bar, figures(state));
}

ProgressStyle progress_style_for(std::FILE* stream) {
  return isatty(fileno(stream)) == 1 ? ProgressStyle::kBar : ProgressStyle::kLines;
}

ProgressMeter::ProgressMeter(std::string label, std::FILE* stream, ProgressStyle style)
    : label_(std::move(label)), stream_(stream), style_(style) {}

void ProgressMeter::update(int64_t bytes_done, int64_t bytes_total) {
  std::lock_guard lock(mutex_);
  bytes_done_ = std::max(bytes_done_, bytes_done);
  bytes_total_ = bytes_total;
  const SteadyTime now = steady_now();
  if (!finished_ && due(now)) {
    write(now);
  }
}

void ProgressMeter::finish() {
  std::lock_guard lock(mutex_);
  if (finished_) {
    return;
  }
  finished_ = true;
  bytes_done_ = std::max(bytes_done_, bytes_total_);
  write(steady_now());
  if (style_ == ProgressStyle::kBar) {
    std::fputc('\n', stream_);
    std::fflush(stream_);
  }
}

bool ProgressMeter::due(SteadyTime now) const {
  if (seconds_between(start_, now) < 1.0) {
    return false;
  }
  const double period = style_ == ProgressStyle::kBar ? kBarPeriodS : kLinePeriodS;
  return seconds_between(last_write_, now) >= period;
}

void ProgressMeter::write(SteadyTime now) {
  last_write_ = now;
  const ProgressState state = {.label = label_,
                               .bytes_done = bytes_done_,
                               .bytes_total = bytes_total_,
                               .seconds = seconds_between(start_, now)};
  switch (style_) {
    case ProgressStyle::kBar:
      fmt::print(stream_, "\r{}\x1b[K", progress_bar(state, kBarColumns));
      break;
    case ProgressStyle::kLines:
      fmt::print(stream_, "{}\n", progress_line(state));
      break;
    case ProgressStyle::kSilent:
      return;
  }
  std::fflush(stream_);
}

}  // namespace dak
