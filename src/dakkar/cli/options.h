#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "dakkar/base/rank_grid.h"
#include "dakkar/server/server_config.h"

namespace dak {

/// Which model to run and where; zeros mean "computed".
struct ModelOptions {
  std::string model;            ///< a folder or a hub id
  std::string device = "auto";  ///< auto, cpu, reference, cuda
  std::string kernels;          ///< "reference": plain loops on whatever device; else the device's
  std::string numerics = "shipped";      ///< shipped or f32
  std::string load_format = "auto";      ///< auto or dummy
  std::string ssm_cache_dtype = "auto";  ///< auto, float32 or float16
  int tp = 1;
  int dp = 1;
  int ep = 1;
  bool enable_ep = false;  ///< as many as there are ranks
  int64_t max_model_len = 0;
  int64_t max_num_seqs = 0;
  int64_t max_step_tokens = 0;
  double cache_gib = 0.0;
  std::string template_time;  ///< fixes the clock of chat templates

  [[nodiscard]] RankGrid grid() const {
    return {.tp = tp, .dp = dp, .ep = enable_ep ? tp * dp : ep};
  }
};

struct ServeOptions {
  ModelOptions model;
  ServerConfig server;
  std::vector<std::string> served_names;
  std::string config_file;  ///< its flags have been put in its place before parsing
  int64_t max_queued = 1024;
  int64_t max_n = 8;
  double drain_seconds = 30.0;
  std::string policy = "fcfs";  ///< fcfs or priority
};

/// How `chat` and `generate` draw tokens; negative means "the checkpoint's default".
struct SamplingOptions {
  double temperature = -1.0;
  double top_p = -1.0;
  int64_t max_tokens = 0;  ///< 0: `generate` 128, `chat` as many as the context holds
  int64_t seed = -1;       ///< -1: a new one each time
};

struct ChatOptions {
  ModelOptions model;
  SamplingOptions sampling;
  std::string system;
  bool no_thinking = false;
};

struct GenerateOptions {
  ModelOptions model;
  SamplingOptions sampling;
  std::string prompt;
  bool echo = false;
};

struct InspectOptions {
  ModelOptions model;
  double memory_gib = 0.0;  ///< of one rank; 0: this machine's, divided by the ranks
  bool tensors = false;
  std::string matrix;  ///< a linear to decode into `npy_file`, instead of all else
  std::string npy_file;
};

struct TokenizeOptions {
  std::string model;
  std::string text;
  std::string messages_file;
  std::string jsonl_file;
  std::string template_time;
  bool decode = false;
  bool no_special = false;
};

struct LogitsOptions {
  ModelOptions model;
  std::string ids_file;
  std::string out_file;
  int64_t chunk = 0;  ///< 0: one chunk
  bool mtp = false;
};

/// `bench ops`: kernels against what the machine can do.
struct BenchOpsOptions {
  ModelOptions device;  ///< only its device and kernels
  std::string filter;
  std::string json_file;
  int threads = 0;  ///< 0: one per processor
  int64_t repeat = 7;
};

/// `bench offline`: a model's throughput through the engine.
struct BenchOfflineOptions {
  ModelOptions model;
  std::vector<int64_t> batches = {1};
  int64_t input_len = 512;
  int64_t output_len = 64;
  int64_t repeat = 5;
  int threads = 0;  ///< 0: one per processor
  bool profile = false;
  bool interactive = false;
  std::string json_file;
};

/// Without a file the device is compared with the reference kernels.
struct CheckOptions {
  ModelOptions model;
  std::string record_file;
  std::string against_file;
};

/// `quantize`: a BF16 checkpoint into NVFP4 and FP8.
struct QuantizeOptions {
  ModelOptions model;  ///< without ranks and limits
  std::string out;
  std::string calibration_file;  ///< empty: the text that is built in
  int64_t calibration_tokens = 8192;
  int64_t sequence_tokens = 2048;  ///< longest calibration sequence
  int64_t max_shard_mb = 4000;     ///< 1 MB = 1e6 bytes
};

struct VersionOptions {};

/// What a command line asks for.
using CommandOptions = std::variant<VersionOptions, ServeOptions, ChatOptions, GenerateOptions,
                                    InspectOptions, TokenizeOptions, LogitsOptions, CheckOptions,
                                    BenchOpsOptions, BenchOfflineOptions, QuantizeOptions>;

}  // namespace dak
