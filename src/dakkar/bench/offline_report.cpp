#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "dakkar/bench/offline.h"

namespace dak::bench {
namespace {

double floor_seconds(const Cost& cost, const Peaks& peaks) {
  return std::max(cost.bytes / peaks.read_bytes, cost.flops / peaks.flops());
}

std::string profile_line(const std::string& name, const OpTotal& total, const ProfileArgs& args) {
  const double steps = static_cast<double>(args.totals.steps);
  const double seconds = total.seconds / steps;
  const double floor = floor_seconds(total.cost, args.peaks);
  return fmt::format("  {:<18} {:>7.1f} {:>9.3f} {:>6.1f}% {:>9.2f} {:>9.3f} {:>7}\n", name,
                     static_cast<double>(total.calls) / steps, seconds * 1e3,
                     100.0 * seconds / args.step_seconds, total.cost.bytes / steps / 1e6,
                     total.cost.flops / steps / 1e9,
                     floor > 0.0 ? fmt::format("{:.0f}%", 100.0 * floor / total.seconds) : "-");
}

}  // namespace

std::string figures_text(const OfflineShape& shape, const OfflineFigures& figures) {
  const Peaks& peaks = figures.peaks;
  const double prefill_floor =
      peaks.flops() * static_cast<double>(shape.batch * shape.input_tokens) / figures.prefill_flops;
  const double decode_floor =
      peaks.read_bytes / figures.decode_step_bytes * static_cast<double>(shape.batch);
  std::string text = fmt::format("{} {} of {} tokens, {} generated\n", shape.batch,
                                 shape.batch == 1 ? "request" : "requests", shape.input_tokens,
                                 shape.output_tokens);
  text += fmt::format("  prefill {:>10.1f} tok/s   floor {:>8.1f} ({:.1f} GFLOP)   {:>4.0f}%\n",
                      figures.prefill_tokens_per_second, prefill_floor, figures.prefill_flops / 1e9,
                      100.0 * figures.prefill_floor_share);
  text += fmt::format("  decode  {:>10.1f} tok/s   floor {:>8.1f} ({:.1f} MB a step) {:>4.0f}%\n",
                      figures.decode_tokens_per_second, decode_floor,
                      figures.decode_step_bytes / 1e6, 100.0 * figures.decode_floor_share);
  text += fmt::format(
      "  decode without lm_head's {:.2f} ms a step and its bytes: {:.0f}% of the floor\n",
      figures.lm_head_seconds * 1e3, 100.0 * figures.decode_share_no_head);
  text += fmt::format("  kernels take {:.1f}% of a decode step; peaks: {}\n",
                      100.0 * figures.kernel_share, describe(peaks));
  text +=
      fmt::format("  {} of {} bursts with a steady read peak\n", figures.steady, figures.bursts);
  return text;
}

std::string profile_text(const ProfileArgs& args) {
  std::vector<std::pair<std::string, OpTotal>> ops(args.totals.ops.begin(), args.totals.ops.end());
  std::sort(ops.begin(), ops.end(),
            [](const auto& a, const auto& b) { return a.second.seconds > b.second.seconds; });
  std::string text = fmt::format(
      "{}: {:.2f} ms a step\n  {:<18} {:>7} {:>9} {:>7} {:>9} {:>9} {:>7}\n", args.title,
      args.step_seconds * 1e3, "op", "calls", "ms", "share", "MB", "GFLOP", "floor");
  for (const auto& [name, total] : ops) {
    text += profile_line(name, total, args);
  }
  const double steps = static_cast<double>(args.totals.steps);
  const double outside = args.step_seconds - args.totals.all().seconds / steps;
  text += fmt::format("  {:<18} {:>7} {:>9.3f} {:>6.1f}%\n", "outside of kernels", "",
                      outside * 1e3, 100.0 * outside / args.step_seconds);
  return text;
}

std::string figures_json(const OfflineShape& shape, const OfflineFigures& figures) {
  return fmt::format(
      R"({{"batch":{},"input":{},"output":{},"prefill_tok_s":{:.3f},"prefill_share":{:.4f},)"
      R"("decode_tok_s":{:.4f},"decode_share":{:.4f},"decode_share_no_head":{:.4f},)"
      R"("decode_step_bytes":{:.0f},"lm_head_ms":{:.4f},"kernel_share":{:.4f},"steady":{},)"
      R"("prefill_flops":{:.0f},)"
      R"("read_bytes_s":{:.0f},"f32_flops_s":{:.0f},"bf16_flops_s":{:.0f}}})",
      shape.batch, shape.input_tokens, shape.output_tokens, figures.prefill_tokens_per_second,
      figures.prefill_floor_share, figures.decode_tokens_per_second, figures.decode_floor_share,
      figures.decode_share_no_head, figures.decode_step_bytes, figures.lm_head_seconds * 1e3,
      figures.kernel_share, figures.steady, figures.prefill_flops, figures.peaks.read_bytes,
      figures.peaks.f32_flops, figures.peaks.bf16_flops);
}

}  // namespace dak::bench
