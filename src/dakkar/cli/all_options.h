#pragma once

#include <string_view>

#include "dakkar/cli/options.h"

namespace dak {

/// Where each command's values go while a command line is read.
struct AllOptions {
  ServeOptions serve;
  ChatOptions chat;
  GenerateOptions generate;
  InspectOptions inspect;
  TokenizeOptions tokenize;
  LogitsOptions logits;
  CheckOptions check;
  QuantizeOptions quantize;
  BenchOpsOptions bench_ops;
  BenchOfflineOptions bench_offline;
};

/// The values of a command, "bench ops" for one of two words; `VersionOptions` for any other name.
[[nodiscard]] CommandOptions take_options(AllOptions& all, std::string_view command);

}  // namespace dak
