#pragma once

#include <functional>
#include <memory>

#include "dakkar/base/error.h"
#include "dakkar/cli/options.h"
#include "dakkar/device/backend.h"

namespace dak {

/// Opens the device that a command line names; only main.cpp knows which there are.
using BackendOpener = std::function<Result<std::unique_ptr<Backend>>(const ModelOptions&)>;

/// The subcommands. Each gives the program's exit status, or an error for main.cpp to print.
[[nodiscard]] Result<int> run_serve(const ServeOptions& options, const BackendOpener& open_backend);
[[nodiscard]] Result<int> run_chat(const ChatOptions& options, const BackendOpener& open_backend);
[[nodiscard]] Result<int> run_generate(const GenerateOptions& options,
                                       const BackendOpener& open_backend);
[[nodiscard]] Result<int> run_inspect(const InspectOptions& options,
                                      const BackendOpener& open_backend);
[[nodiscard]] Result<int> run_check_command(const CheckOptions& options,
                                            const BackendOpener& open_backend);
[[nodiscard]] Result<int> run_tokenize(const TokenizeOptions& options);
[[nodiscard]] Result<int> run_logits_command(const LogitsOptions& options,
                                             const BackendOpener& open_backend);
[[nodiscard]] Result<int> run_bench_offline(const BenchOfflineOptions& options,
                                            const BackendOpener& open_backend);
[[nodiscard]] Result<int> run_bench_ops(const BenchOpsOptions& options,
                                        const BackendOpener& open_backend);
[[nodiscard]] Result<int> run_quantize(const QuantizeOptions& options,
                                       const BackendOpener& open_backend);

}  // namespace dak
