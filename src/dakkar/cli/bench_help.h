#pragma once

namespace dak {

/// What `dakkar bench --help` and its subcommands say.
inline constexpr auto kBenchHelp = "Measure what this machine reaches, beside what it could.";

inline constexpr auto kBenchOpsHelp =
    "Time every hot kernel at the shapes of Nano and Ultra. Shares are of peaks that probes "
    "measure "
    "in\n"
    "turn with the kernel: memory reads, f32 multiply-adds, bf16 dot products. 'floor' is the time "
    "that\n"
    "the bytes or the operations alone would need, as a share of the time taken. Operands rotate "
    "through\n"
    "four times the last cache.";
inline constexpr auto kBenchOpsExamples =
    "Examples:\n"
    "  dakkar bench ops --filter linear.nvfp4\n"
    "  dakkar bench ops --device reference --filter nano --repeat 1\n"
    "  dakkar bench ops --json ops.json\n";

}  // namespace dak
