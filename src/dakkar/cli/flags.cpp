#include "dakkar/cli/flags.h"

#include <algorithm>
#include <iostream>
#include <utility>

#include <CLI/CLI.hpp>

#include "dakkar/cli/all_options.h"
#include "dakkar/cli/bench_help.h"
#include "dakkar/cli/help_texts.h"
#include "dakkar/cli/serve_arguments.h"
#include "dakkar/server/version.h"

namespace dak {
namespace {

void add_device(CLI::App& app, ModelOptions& options) {
  app.add_option("--device", options.device,
                 "Where to run: auto takes cuda if there is one, else cpu")
      ->check(CLI::IsMember({"auto", "cpu", "reference", "cuda"}))
      ->capture_default_str();
  app.add_option("--kernels", options.kernels,
                 "'reference' runs the plain loops that define what is right, slowly")
      ->check(CLI::IsMember({"reference", "device"}));
}

void add_model(CLI::App& app, ModelOptions& options) {
  app.add_option("model", options.model,
                 "A model folder, or a hub id in the local Hugging Face cache (HF_HOME); without "
                 "one, the demo model that comes with the program")
      ->type_name("MODEL");
  add_device(app, options);
  app.add_option("--numerics", options.numerics,
                 "'shipped' computes as the checkpoint means it; 'f32' keeps everything in float32 "
                 "(with --kernels reference)")
      ->check(CLI::IsMember({"shipped", "f32"}))
      ->capture_default_str();
  app.add_option("--load-format", options.load_format,
                 "'dummy' makes up the weights of any family member from its config.json")
      ->check(CLI::IsMember({"auto", "safetensors", "dummy"}))
      ->capture_default_str();
  app.add_option("--mamba-ssm-cache-dtype", options.ssm_cache_dtype,
                 "How Mamba states are kept: float32 (auto), or float16, half the bytes, rounded "
                 "stochastically")
      ->check(CLI::IsMember({"auto", "float32", "float16"}))
      ->capture_default_str();
  app.add_option("--tp,--tensor-parallel-size", options.tp, "Ranks that share every layer")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--dp,--data-parallel-size", options.dp,
                 "Groups of such ranks; each serves requests of its own")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--ep,--expert-parallel-size", options.ep,
                 "Ranks that whole experts are dealt over: all (tp * dp), or 1 to cut each expert")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_flag("--enable-expert-parallel", options.enable_ep, "--ep with all ranks");
}

void add_limits(CLI::App& app, ModelOptions& options) {
  app.add_option("--max-model-len", options.max_model_len,
                 "Most tokens of a prompt and its answer (default: what the checkpoint was trained "
                 "for)")
      ->check(CLI::PositiveNumber)
      ->type_name("TOKENS");
  app.add_option("--max-num-seqs", options.max_num_seqs,
                 "Most sequences in one step (default: 256, or what memory holds)")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  app.add_option("--max-num-batched-tokens", options.max_step_tokens,
                 "Most tokens in one step (default: 2048)")
      ->check(CLI::PositiveNumber)
      ->type_name("TOKENS");
  app.add_option("--cache-gib", options.cache_gib,
                 "Memory for KV pages and states per rank (default: what is left, less a tenth)")
      ->check(CLI::PositiveNumber)
      ->type_name("GIB");
  app.add_option("--template-time", options.template_time,
                 "Fix the clock that chat templates see, e.g. 2026-07-04T09:05:03")
      ->type_name("TIME");
}

void add_sampling(CLI::App& app, SamplingOptions& options) {
  app.add_option("--temperature", options.temperature,
                 "0 takes the likeliest token (default: the checkpoint's)")
      ->check(CLI::Range(0.0, 2.0));
  app.add_option("--top-p", options.top_p, "Share of probability to draw from")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--max-tokens", options.max_tokens, "Most tokens of an answer")
      ->check(CLI::PositiveNumber);
  app.add_option("--seed", options.seed, "Makes the draws repeatable")
      ->check(CLI::NonNegativeNumber);
}

void add_serve_http(CLI::App& app, ServerConfig& server) {
  app.add_option("--host", server.host, "Address to listen on; 0.0.0.0 for every network")
      ->capture_default_str();
  app.add_option("--port", server.port, "Port to listen on; 0 takes any free one")
      ->capture_default_str();
  app.add_option("--api-key", server.api_keys,
                 "Key that callers must send (Authorization: Bearer KEY, or x-api-key); repeatable")
      ->type_name("KEY");
  app.add_flag("--auth-metrics", server.auth_metrics, "Ask for the key on /metrics as well");
  app.add_option("--allowed-origins", server.allowed_origins,
                 "Web origins whose pages may call this server; '*' for all (default: none)")
      ->type_name("ORIGIN");
  app.add_option("--max-connections", server.max_connections, "Connections at a time")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--metrics-prefix", server.metrics_prefix, "What metric names begin with")
      ->capture_default_str();
  app.add_option("--stall-seconds", server.stall_seconds,
                 "An engine that stands still for so long is reported as stalled by /readyz")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag_callback(
      "--abort-on-half-close", [&server] { server.half_close = HalfClose::kAbort; },
      "Cancel when a client closes only its sending side");
}

void add_serve(CLI::App& top, ServeOptions& options) {
  CLI::App& app = *top.add_subcommand("serve", kServeHelp);
  app.footer(std::string("\n") + kServeExamples);
  add_model(app, options.model);
  add_serve_http(app, options.server);
  app.add_option("--config", options.config_file,
                 "YAML map of flag names to values, 'model' for the model; typed flags win")
      ->type_name("FILE");
  app.add_option("--served-model-name", options.served_names,
                 "Names that requests may use; the first is shown (default: the folder's name)")
      ->type_name("NAME");
  add_limits(app, options.model);
  app.add_option("--max-queued-requests", options.max_queued,
                 "Requests that may wait; more get 429 with Retry-After")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--max-n", options.max_n, "Most choices (n) of one request")
      ->check(CLI::Range(1, 128))
      ->capture_default_str();
  app.add_option("--drain-seconds", options.drain_seconds,
                 "After SIGTERM or Ctrl-C, time for running requests to end; a second one stops at "
                 "once")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--scheduling-policy", options.policy,
                 "fcfs: first come, first served; priority: the request's priority, lower first")
      ->check(CLI::IsMember({"fcfs", "priority"}))
      ->capture_default_str();
}

void add_chat(CLI::App& top, ChatOptions& options) {
  CLI::App& app = *top.add_subcommand("chat", kChatHelp);
  app.footer(std::string("\n") + kChatExamples);
  add_model(app, options.model);
  add_sampling(app, options.sampling);
  add_limits(app, options.model);
  app.add_option("--system", options.system, "System message of the conversation");
  app.add_flag("--no-thinking", options.no_thinking, "Ask for answers without reasoning");
}

void add_generate(CLI::App& top, GenerateOptions& options) {
  CLI::App& app = *top.add_subcommand("generate", kGenerateHelp);
  app.footer(std::string("\n") + kGenerateExamples);
  add_model(app, options.model);
  app.add_option("--prompt", options.prompt, "Text to continue; '-' reads it from stdin")
      ->required();
  add_sampling(app, options.sampling);
  add_limits(app, options.model);
  app.add_flag("--echo", options.echo, "Print the prompt in front");
}

void add_inspect(CLI::App& top, InspectOptions& options) {
  CLI::App& app = *top.add_subcommand("inspect", kInspectHelp);
  app.footer(std::string("\n") + kInspectExamples);
  add_model(app, options.model);
  app.add_option("--memory-gib", options.memory_gib,
                 "Memory of one rank to plan for (default: this machine's, shared by the ranks)")
      ->check(CLI::PositiveNumber)
      ->type_name("GIB");
  app.add_option("--max-model-len", options.model.max_model_len,
                 "Most tokens of a request to plan for (default: what it was trained for)")
      ->check(CLI::PositiveNumber)
      ->type_name("TOKENS");
  app.add_flag("--tensors", options.tensors, "List every tensor");
  CLI::Option* file = app.add_option("--npy", options.npy_file, "Where --matrix goes");
  app.add_option("--matrix", options.matrix, "Only decode this linear to float32, scales included")
      ->type_name("NAME")
      ->needs(file);
  file->type_name("FILE");
}

void add_tokenize(CLI::App& top, TokenizeOptions& options) {
  CLI::App& app = *top.add_subcommand("tokenize", kTokenizeHelp);
  app.footer(std::string("\n") + kTokenizeExamples);
  app.add_option("model", options.model, "A model folder, or a hub id in the local cache")
      ->required()
      ->type_name("MODEL");
  app.add_option("text", options.text, "Text to encode (default: stdin); with --decode, token ids")
      ->type_name("TEXT");
  app.add_flag("--decode", options.decode, "Turn whitespace-separated ids into text");
  app.add_flag("--no-special-tokens", options.no_special,
               "Leave out what the tokenizer adds by itself (bos and the like)");
  app.add_option("--messages", options.messages_file, "JSON file to put through the chat template")
      ->type_name("FILE");
  app.add_option("--jsonl", options.jsonl_file, "JSON lines to encode and decode; '-' is stdin")
      ->type_name("FILE");
  app.add_option("--template-time", options.template_time, "Fix the templates' clock")
      ->type_name("TIME");
}

void add_logits(CLI::App& top, LogitsOptions& options) {
  CLI::App& app = *top.add_subcommand("logits", kLogitsHelp);
  app.footer(std::string("\n") + kLogitsExamples);
  add_model(app, options.model);
  app.add_option("--ids", options.ids_file, "File of whitespace-separated token ids")
      ->required()
      ->type_name("FILE");
  app.add_option("--out", options.out_file, "The .npy file to write")
      ->required()
      ->type_name("FILE");
  app.add_flag(
      "--mtp", options.mtp,
      "Write the MTP head's first-draft logits [T-1, V] instead: row i drafts token i + 2");
  app.add_option("--chunk", options.chunk, "Tokens per prefill chunk (default: all at once)")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
}

void add_bench_ops(CLI::App& bench, BenchOpsOptions& options) {
  CLI::App& app = *bench.add_subcommand("ops", kBenchOpsHelp);
  app.footer(std::string("\n") + kBenchOpsExamples);
  add_device(app, options.device);
  app.add_option("--filter", options.filter, "Only kernels whose name contains this")
      ->type_name("TEXT");
  app.add_option("--threads", options.threads, "Processors to use (default: all)")
      ->check(CLI::Range(1, 1024));
  app.add_option("--repeat", options.repeat, "Alternations of kernel and probes; medians are shown")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--json", options.json_file, "Also write every sample to this file")
      ->type_name("FILE");
}

void add_bench_offline(CLI::App& bench, BenchOfflineOptions& options) {
  CLI::App& app = *bench.add_subcommand("offline", kBenchOfflineHelp);
  app.footer(std::string("\n") + kBenchOfflineExamples);
  add_model(app, options.model);
  add_limits(app, options.model);
  app.add_option("--batch", options.batches,
                 "Requests at a time; several values, one after another")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option("--input-len", options.input_len, "Tokens of each prompt, drawn at random")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--output-len", options.output_len, "Tokens generated for each")
      ->check(CLI::Range(2, 1 << 20))
      ->capture_default_str();
  app.add_option("--repeat", options.repeat, "Bursts; medians are shown")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Processors to use (default: all)")
      ->check(CLI::Range(1, 1024));
  app.add_flag("--profile", options.profile, "Show where the time of a step goes");
  app.add_flag("--interactive", options.interactive,
               "Run one burst per line of stdin (BATCH INPUT OUTPUT) and answer with a line of "
               "JSON, for comparing programs in turn");
  app.add_option("--json", options.json_file, "Also write the medians to this file")
      ->type_name("FILE");
}

void add_bench(CLI::App& top, BenchOpsOptions& ops, BenchOfflineOptions& offline) {
  CLI::App& app = *top.add_subcommand("bench", kBenchHelp);
  app.require_subcommand(1);
  add_bench_ops(app, ops);
  add_bench_offline(app, offline);
}

void add_check(CLI::App& top, CheckOptions& options) {
  CLI::App& app = *top.add_subcommand("check", kCheckHelp);
  app.footer(std::string("\n") + kCheckExamples);
  add_model(app, options.model);
  CLI::Option* record =
      app.add_option("--record", options.record_file, "Write logits and states to a file")
          ->type_name("FILE");
  app.add_option("--against", options.against_file, "Compare with a file of --record")
      ->type_name("FILE")
      ->excludes(record);
}

void add_quantize(CLI::App& top, QuantizeOptions& options) {
  CLI::App& app = *top.add_subcommand("quantize", kQuantizeHelp);
  app.footer(std::string("\n") + kQuantizeExamples);
  app.add_option("in", options.model.model,
                 "The BF16 original: a model folder, or a hub id in the local cache")
      ->required()
      ->type_name("IN");
  app.add_option("out", options.out, "The folder to write")->required()->type_name("OUT");
  app.add_option("--calibration", options.calibration_file,
                 "Text to run through the model (default: a built-in one)")
      ->type_name("FILE");
  app.add_option("--calibration-tokens", options.calibration_tokens,
                 "Most tokens of it to use; each keeps a hidden state in memory")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  app.add_option("--calibration-length", options.sequence_tokens,
                 "Longest sequence; longer documents are cut")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--max-shard-size", options.max_shard_mb,
                 "Most of one safetensors file, in MB (1e6 bytes)")
      ->check(CLI::Range(1, 1 << 20))
      ->type_name("MB")
      ->capture_default_str();
  app.add_option("--load-format", options.model.load_format,
                 "'dummy' makes up the original's weights from its config.json")
      ->check(CLI::IsMember({"auto", "safetensors", "dummy"}))
      ->capture_default_str();
  add_device(app, options.model);
}

/// The command that was given, "bench ops" for one of two words; empty for none.
std::string chosen_command(const CLI::App& top) {
  std::string name;
  for (const CLI::App* app = &top; !app->get_subcommands().empty();) {
    app = app->get_subcommands().front();
    name += (name.empty() ? "" : " ") + app->get_name();
  }
  return name;
}

/// Translates what follows "serve" and tells what became of it.
Status rewrite_serve(const CLI::App& serve, std::vector<std::string>& args) {
  std::vector<KnownFlag> known;
  for (const CLI::Option* option : serve.get_options()) {
    const bool flag = option->get_type_size_max() == 0;
    known.push_back({.takes = flag ? KnownFlag::Takes::kNothing : KnownFlag::Takes::kValue,
                     .names = option->get_lnames()});
  }
  Result<ServeArguments> out = serve_arguments({args.begin() + 1, args.end()}, known);
  if (!out) {
    return fail(out.error());
  }
  for (const std::string& note : out->notes) {
    std::cerr << "dakkar: " << note << "\n";
  }
  args.resize(1);
  args.insert(args.end(), out->args.begin(), out->args.end());
  return {};
}

}  // namespace

std::variant<ExitNow, CommandOptions> parse_flags(int argc, char** argv) {
  CLI::App top(kTopHelp, "dakkar");
  top.footer("dakkar COMMAND --help explains each command with examples.");
  AllOptions all;
  bool version = false;
  top.add_flag("--version", version, "Print the version");
  top.require_subcommand(0, 1);
  add_serve(top, all.serve);
  add_chat(top, all.chat);
  add_generate(top, all.generate);
  add_inspect(top, all.inspect);
  add_tokenize(top, all.tokenize);
  add_logits(top, all.logits);
  add_check(top, all.check);
  add_quantize(top, all.quantize);
  add_bench(top, all.bench_ops, all.bench_offline);
  std::vector<std::string> args(argv + std::min(argc, 1), argv + argc);
  if (!args.empty() && args.front() == "serve") {
    const Status rewritten = rewrite_serve(*top.get_subcommand("serve"), args);
    if (!rewritten) {
      std::cerr << "dakkar: " << rewritten.error().message << "\n";
      return ExitNow{1};
    }
  }
  std::reverse(args.begin(), args.end());  // as the library wants them
  try {
    top.parse(std::move(args));
  } catch (const CLI::ParseError& error) {
    return ExitNow{top.exit(error)};
  }
  if (!version && top.get_subcommands().empty()) {
    std::cout << top.help();
    return ExitNow{0};
  }
  return take_options(all, chosen_command(top));
}

}  // namespace dak
