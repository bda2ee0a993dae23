#include "simulation/tiny_model.h"

#include <filesystem>
#include <source_location>
#include <utility>

namespace dak {
namespace {

// Not inlined: g++ 12 then sees a deallocation that cannot happen, and warns of it.
template <typename T>
[[gnu::noinline]] T require(Result<T> result) {
  if (!result.has_value()) {
    check_failed(result.error().message, std::source_location::current());
  }
  return std::move(*result);
}

std::filesystem::path folder_of(const std::string& checkpoint) {
  return "tests/data/checkpoints/" + checkpoint;
}

}  // namespace

TinyModel::TinyModel(const std::string& checkpoint, TinyDevice device)
    : config_(require(ModelConfig::load(folder_of(checkpoint)))),
      quant_(require(QuantConfig::load(folder_of(checkpoint)))),
      weights_(require(WeightSet::open(folder_of(checkpoint), config_))),
      backend_(require(device == TinyDevice::kCpu ? open_cpu() : open_reference())) {}

ModelLoadArgs TinyModel::load_args(Numerics numerics, const RankGrid& grid) const {
  return {.config = &config_,
          .quant = &quant_,
          .weights = &weights_,
          .backend = backend_.get(),
          .numerics = numerics,
          .tp = grid.tp,
          .dp = grid.dp,
          .ep = grid.ep};
}

}  // namespace dak
