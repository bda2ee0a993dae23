#include "dakkar/cli/all_options.h"

#include <utility>

namespace dak {
namespace {

template <auto kMember>
CommandOptions take(AllOptions& all) {
  return std::move(all.*kMember);
}

constexpr std::pair<std::string_view, CommandOptions (*)(AllOptions&)> kCommands[] = {
    {"serve", take<&AllOptions::serve>},
    {"chat", take<&AllOptions::chat>},
    {"generate", take<&AllOptions::generate>},
    {"inspect", take<&AllOptions::inspect>},
    {"tokenize", take<&AllOptions::tokenize>},
    {"logits", take<&AllOptions::logits>},
    {"check", take<&AllOptions::check>},
    {"quantize", take<&AllOptions::quantize>},
    {"bench ops", take<&AllOptions::bench_ops>},
    {"bench offline", take<&AllOptions::bench_offline>},
};

}  // namespace

CommandOptions take_options(AllOptions& all, std::string_view command) {
  for (const auto& [name, take_own] : kCommands) {
    if (name == command) {
      return take_own(all);
    }
  }
  return VersionOptions{};
}

}  // namespace dak
