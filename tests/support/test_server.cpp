#include "support/test_server.h"

#include <cstdlib>
#include <utility>

#include "dakkar/base/check.h"

namespace dak {

ServedModel tiny_served_model() {
  ServedModel model;
  model.names = {"tiny", "alias"};
  model.root = "tests/data/checkpoints/latent_bf16";
  model.fingerprint = "dk-test";
  model.created = 1'790'000'000;
  model.max_model_len = 4096;
  model.vocab = 256;
  model.defaults.eos_ids = {2, 11};
  return model;
}

CheckpointText tiny_text() {
  Result<CheckpointText> text = CheckpointText::load("tests/data/checkpoints/latent_bf16");
  check(text.has_value(), "the tiny checkpoint has a tokenizer and a template");
  return std::move(*text);
}

TestServer::TestServer(Args args)
    : config_([&] {
        args.config.port = 0;
        return std::move(args.config);
      }()),
      state_(config_.stall_seconds),
      app_(config_, state_, registry_),
      engine_(args.engine),
      text_(tiny_text()),
      model_(tiny_served_model()) {
  Result<std::unique_ptr<HttpServer>> http = HttpServer::open(app_);
  check(http.has_value(), "the test server binds");
  http_ = std::move(*http);
  if (args.start == Start::kReady) {
    become_ready();
  }
}

void TestServer::become_ready() {
  state_.set_ready({.engine = &engine_, .text = &text_, .model = &model_, .before = {}});
}

double TestServer::metric(std::string_view name, std::string_view label) const {
  const std::string text = get("/metrics").body;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line(text.data() + at, end - at);
    at = end + 1;
    const bool named = line.starts_with(name) && line.size() > name.size() &&
                       (line[name.size()] == '{' || line[name.size()] == ' ');
    if (named && line.find(label) != std::string_view::npos) {
      return std::atof(line.data() + line.rfind(' '));
    }
  }
  return -1.0;
}

}  // namespace dak
