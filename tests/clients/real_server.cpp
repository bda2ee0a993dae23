#include "clients/real_server.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <utility>

#include <sys/resource.h>
#include <unistd.h>

namespace dak {

RealServer::RealServer(const Args& args) {
  const std::string folder = "tests/data/checkpoints/latent_bf16";
  model_config_ = ModelConfig::load(folder).value();
  quant_ = QuantConfig::load(folder).value();
  weights_.emplace(std::move(WeightSet::open(folder, model_config_).value()));
  text_ = std::move(CheckpointText::load(folder).value());
  Result<std::unique_ptr<Backend>> cpu = open_cpu();
  backend_ = cpu ? std::move(*cpu) : std::move(open_reference().value());
  EngineConfig limits;
  limits.max_model_len = 2048;
  limits.max_num_seqs = args.max_num_seqs;
  limits.max_queued = args.max_queued;
  limits.cache_bytes = int64_t{64} << 20;
  limits.stall_seconds = 120.0;
  engine_ = start_engine({.backend = backend_.get(),
                          .config = &model_config_,
                          .quant = &quant_,
                          .weights = &*weights_,
                          .token_bytes = text_.token_bytes(),
                          .limits = limits,
                          .load = {}})
                .value();
  served_ = tiny_served_model();
  served_.max_model_len = engine_->max_model_len();
  served_.vocab = model_config_.vocab;
  config_.port = 0;
  state_.set_ready({.engine = engine_.get(), .text = &text_, .model = &served_, .before = {}});
  http_ = HttpServer::open(app_).value();
}

bool RealServer::becomes_idle() const {
  for (int i = 0; i < 1200; ++i) {
    const EngineStats now = stats();
    if (now.running + now.waiting + connections() == 0) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  }
  return false;
}

double RealServer::metric(const std::vector<std::string>& parts) const {
  const std::string text = http_get(port(), "/metrics").body;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    const bool all = std::all_of(parts.begin(), parts.end(), [&](const std::string& part) {
      return line.find(part) != std::string::npos;
    });
    if (all && !line.starts_with('#')) {
      return std::atof(line.c_str() + line.rfind(' '));
    }
  }
  return -1.0;
}

int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  int64_t total = 0;
  int64_t resident = 0;
  file >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

int64_t peak_resident_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} << 10;
}

double processor_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace dak
