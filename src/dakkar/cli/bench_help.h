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

inline constexpr auto kBenchOfflineHelp =
    "Measure prefill and decode tokens per second of a model through the engine, each beside its "
    "floor.\n"
    "Prefill: from the first submit until every request has its first token; its floor is the "
    "step's\n"
    "operations at the best arithmetic peak. Decode: tokens while all requests decode; its floor "
    "is "
    "the\n"
    "weights, states and KV that a step touches (experts as they were chosen, each once) at the "
    "read "
    "peak.\n"
    "Peaks are probed before and after every burst.";
inline constexpr auto kBenchOfflineExamples =
    "Examples:\n"
    "  dakkar bench offline MODEL --input-len 512 --output-len 64 --batch 1 4\n"
    "  dakkar bench offline DIR --load-format dummy --profile\n"
    "  echo 4 512 64 | dakkar bench offline MODEL --interactive --batch 4\n";

}  // namespace dak
