#include <fmt/core.h>

#include "dakkar/base/json.h"
#include "dakkar/bench/machine.h"
#include "dakkar/bench/op_bench.h"

namespace dak::bench {
namespace {

std::string time_text(double seconds) {
  return seconds < 1e-3 ? fmt::format("{:.1f} us", seconds * 1e6)
                        : fmt::format("{:.2f} ms", seconds * 1e3);
}

std::string percent(double share) {
  return share > 0.0 ? fmt::format("{:.0f}%", share * 100.0) : "-";
}

std::string peaks_json(const Peaks& peaks) {
  return fmt::format(
      R"({{"read_bytes":{:.0f},"copy_bytes":{:.0f},"f32_flops":{:.0f},"bf16_flops":{:.0f}}})",
      peaks.read_bytes, peaks.copy_bytes, peaks.f32_flops, peaks.bf16_flops);
}

std::string row_json(const OpResult& result) {
  std::string samples;
  for (const OpSample& sample : result.samples) {
    samples += fmt::format(R"({}{{"seconds":{:.9f},"peaks":{}}})", samples.empty() ? "" : ",",
                           sample.seconds, peaks_json(sample.peaks));
  }
  return fmt::format(R"({{"name":{},"what":{},"seconds":{:.9f},"bytes":{:.0f},"flops":{:.0f},)"
                     R"("share_of_read":{:.4f},"share_of_f32":{:.4f},"share_of_bf16":{:.4f},)"
                     R"("share_of_floor":{:.4f},"peaks":{},"samples":[{}]}})",
                     json_quote(result.name), json_quote(result.what), result.seconds(),
                     result.cost.bytes, result.cost.flops, result.share_of_read(),
                     result.share_of_f32(), result.share_of_bf16(), result.share_of_floor(),
                     peaks_json(result.peaks()), samples);
}

}  // namespace

std::string op_table_head() {
  return fmt::format("{:<36} {:>10} {:>9} {:>9} {:>7} {:>5} {:>8} {:>5} {:>5} {:>6}", "kernel",
                     "time", "MB", "GFLOP", "GB/s", "read", "GFLOP/s", "f32", "bf16", "floor");
}

std::string op_table_line(const OpResult& result) {
  const double seconds = result.seconds();
  return fmt::format("{:<36} {:>10} {:>9.2f} {:>9.3f} {:>7.1f} {:>5} {:>8.1f} {:>5} {:>5} {:>6}",
                     result.name, time_text(seconds), result.cost.bytes / 1e6,
                     result.cost.flops / 1e9, result.cost.bytes / seconds / 1e9,
                     percent(result.share_of_read()), result.cost.flops / seconds / 1e9,
                     percent(result.share_of_f32()), percent(result.share_of_bf16()),
                     percent(result.share_of_floor()));
}

std::string op_report_json(const OpReportArgs& args) {
  std::string rows;
  for (const OpResult& result : args.results) {
    rows += (rows.empty() ? "\n" : ",\n") + row_json(result);
  }
  return fmt::format(
      R"({{"device":{},"machine":{},"threads":{},"last_cache_bytes":{},"rows":[{}]}})"
      "\n",
      json_quote(args.backend.name()), json_quote(args.backend.description()), args.threads,
      last_cache_bytes(), rows);
}

}  // namespace dak::bench
