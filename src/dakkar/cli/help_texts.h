#pragma once

namespace dak {

/// What `--help` says above and below the flags of each command.
inline constexpr auto kTopHelp =
    "Dakkar serves NVIDIA's Nemotron-H family of language models behind an OpenAI-compatible API.\n"
    "\n"
    "Examples:\n"
    "  dakkar serve ~/models/Nemotron-Nano-v2          a folder in Hugging Face layout ...\n"
    "  dakkar serve nvidia/NVIDIA-Nemotron-Nano-9B-v2  ... or an id in the local Hugging Face "
    "cache\n"
    "  dakkar chat MODEL                               talk to it here, without a server\n"
    "  dakkar inspect MODEL                            what is in it, what memory it takes\n";

inline constexpr auto kServeHelp =
    "Serve a model over HTTP: /v1/chat/completions, /v1/completions, /v1/models, /tokenize, "
    "/health,\n"
    "/metrics and more. The socket opens at once; /readyz turns 200 when the model answers.";

inline constexpr auto kServeExamples =
    "Examples:\n"
    "  dakkar serve MODEL\n"
    "  dakkar serve --config serve.yaml\n"
    "  dakkar serve MODEL --host 0.0.0.0 --port 9000 --api-key SECRET\n"
    "  dakkar serve MODEL --served-model-name nemotron my-alias --max-model-len 32768\n"
    "  dakkar serve DIR --load-format dummy      only config.json is needed; answers are noise\n";

inline constexpr auto kChatHelp =
    "Talk to a model in this terminal. /help lists the commands there; Ctrl-C stops an answer.";

inline constexpr auto kChatExamples =
    "Example:\n"
    "  dakkar chat MODEL --system \"Answer in one sentence.\" --temperature 0\n";

inline constexpr auto kGenerateHelp =
    "Print the continuation of one prompt, without a chat template.";

inline constexpr auto kGenerateExamples =
    "Example:\n"
    "  dakkar generate MODEL --prompt \"Once upon a time\" --max-tokens 64 --temperature 0\n";

inline constexpr auto kInspectHelp =
    "Show a checkpoint's layers, parameters, formats and bytes, and plan its memory: what a rank\n"
    "takes and how many requests fit. Reads headers only.";

inline constexpr auto kInspectExamples =
    "Examples:\n"
    "  dakkar inspect MODEL --tensors | less\n"
    "  dakkar inspect MODEL --tp 8 --memory-gib 139    would it run on eight GPUs?\n"
    "  dakkar inspect MODEL --matrix backbone.layers.1.mixer.experts.0.up_proj --npy w.npy\n";

inline constexpr auto kTokenizeHelp = "Turn text or messages into token ids and back.";

inline constexpr auto kTokenizeExamples =
    "Examples:\n"
    "  dakkar tokenize MODEL \"Hello world\"\n"
    "  dakkar tokenize MODEL --decode \"22557 3304\"\n"
    "  dakkar tokenize MODEL --messages chat.json    a list of messages, or a request body\n"
    "  dakkar tokenize MODEL --jsonl in.jsonl        {\"text\": ..., \"add_special_tokens\": ...} "
    "a line\n";

inline constexpr auto kLogitsHelp =
    "Write the logits of given token ids as a float32 .npy file of shape [T, V].";

inline constexpr auto kLogitsExamples =
    "Example:\n"
    "  dakkar logits MODEL --ids ids.txt --out logits.npy --kernels reference --numerics f32\n";

inline constexpr auto kQuantizeHelp =
    "Write a quantized copy of a BF16 checkpoint in ModelOpt's layout, as Nemotron 3 Ultra's is:\n"
    "routed experts NVFP4 (four-over-six block scales), shared experts, Mamba projections and "
    "dense\n"
    "MLPs FP8, the rest as it was, FP8 KV cache. Scales of activations come from running a text\n"
    "through the model. One layer is in memory at a time: peak memory is the largest layer and "
    "less\n"
    "than 4 GB, so Ultra's 1.1 TB pass through a machine with 32 GB.";

inline constexpr auto kQuantizeExamples =
    "Examples:\n"
    "  dakkar quantize ~/models/my-nemotron ~/models/my-nemotron-nvfp4\n"
    "  dakkar quantize MODEL OUT --calibration support-chats.jsonl --calibration-tokens 32768\n"
    "\n"
    "A calibration text should look like what the model will read: chats with its own special\n"
    "tokens if it is a chat model. FILE.jsonl has one document a line, {\"text\": \"...\"}; any\n"
    "other file is one text. Without one, a built-in text is used: prose, chats, code, tables.\n"
    "Experts that no token reaches take the largest input of their layer; the end says how many.\n"
    "OUT must be new or empty; until all is written its weights are named *.partial.\n";

inline constexpr auto kCheckHelp =
    "Run 16 fixed tokens and compare logits and states: the device with the reference kernels, or\n"
    "with what another device, number of ranks or version recorded. Exit status 1: they differ.";

inline constexpr auto kCheckExamples =
    "Examples:\n"
    "  dakkar check MODEL\n"
    "  dakkar check MODEL --record before.check\n"
    "  dakkar check MODEL --tp 2 --against before.check\n";

}  // namespace dak
