#include "dakkar/cli/serve_arguments.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include "dakkar/cli/peer_flags.h"
#include "dakkar/weights/text_file.h"

namespace dak {
namespace {

/// "--name=value" or "--name", apart.
struct SplitFlag {
  std::string name;  ///< without dashes, `-` for `_`
  std::optional<std::string> value;
};

std::optional<SplitFlag> split(const std::string& argument) {
  if (!argument.starts_with("--") || argument.size() == 2) {
    return std::nullopt;
  }
  const size_t equals = argument.find('=');
  SplitFlag flag{.name = argument.substr(2, equals == std::string::npos ? equals : equals - 2),
                 .value = std::nullopt};
  std::replace(flag.name.begin(), flag.name.end(), '_', '-');
  if (equals != std::string::npos) {
    flag.value = argument.substr(equals + 1);
  }
  return flag;
}

const KnownFlag* find_known(const std::vector<KnownFlag>& known, std::string_view name) {
  const auto found = std::find_if(known.begin(), known.end(), [&](const KnownFlag& flag) {
    return std::find(flag.names.begin(), flag.names.end(), name) != flag.names.end();
  });
  return found == known.end() ? nullptr : &*found;
}

ServeArguments translate(const std::vector<std::string>& typed,
                         const std::vector<KnownFlag>& known) {
  ServeArguments out;
  for (size_t i = 0; i < typed.size(); ++i) {
    const std::optional<SplitFlag> flag = split(typed[i]);
    const PeerFlag* peer =
        flag && find_known(known, flag->name) == nullptr ? find_peer_flag(flag->name) : nullptr;
    if (peer == nullptr) {
      out.args.push_back(!flag ? typed[i]
                               : "--" + flag->name + (flag->value ? "=" + *flag->value : ""));
      continue;
    }
    std::string value = flag->value.value_or("");
    if (peer->takes == PeerFlag::Takes::kValue && !flag->value && i + 1 < typed.size()) {
      value = typed[++i];
    }
    if (peer->ours.empty()) {
      out.notes.push_back(fmt::format("--{} is ignored: {}", flag->name, peer->why));
    } else if (peer->ours == "model") {
      out.args.insert(out.args.begin(), value);
      out.notes.push_back(fmt::format("--{} {} is {}", flag->name, value, value));
    } else {
      out.args.push_back(fmt::format("--{}={}", peer->ours, value));
      out.notes.push_back(fmt::format("--{} {} is --{} {}", flag->name, value, peer->ours, value));
    }
  }
  return out;
}

tl::unexpected<Error> wrong_line(const std::string& path, int line, std::string_view problem) {
  return fail(ErrorCode::kInvalidArgument, fmt::format("{}:{}: {}", path, line + 1, problem),
              "config");
}

/// Whether one of the flag's names was typed.
bool was_typed(const std::vector<std::string>& args, const KnownFlag& flag) {
  return std::any_of(args.begin(), args.end(), [&](const std::string& argument) {
    const std::optional<SplitFlag> typed = split(argument);
    return typed &&
           std::find(flag.names.begin(), flag.names.end(), typed->name) != flag.names.end();
  });
}

/// The arguments that one entry of the file stands for.
Status add_entry(const YAML::Node& value, const SplitFlag& key, const KnownFlag& flag,
                 std::vector<std::string>& out) {
  const auto refuse = [&](std::string_view problem) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} {}", key.name, problem), "config");
  };
  if (flag.takes == KnownFlag::Takes::kNothing) {
    bool wanted = false;
    if (!YAML::convert<bool>::decode(value, wanted)) {
      return refuse("must be true or false");
    }
    if (wanted) {
      out.push_back("--" + key.name);
    }
    return {};
  }
  if (value.IsScalar()) {
    out.push_back(fmt::format("--{}={}", key.name, value.Scalar()));
    return {};
  }
  if (!value.IsSequence()) {
    return refuse("must be a value or a list of values");
  }
  for (const YAML::Node& element : value) {
    if (!element.IsScalar()) {
      return refuse("must be a list of plain values");
    }
    out.push_back(fmt::format("--{}={}", key.name, element.Scalar()));
  }
  return {};
}

/// The file's arguments in front of the typed ones.
Result<std::vector<std::string>> with_file(const std::string& path,
                                           const std::vector<std::string>& args,
                                           const std::vector<KnownFlag>& known) {
  const Result<std::string> text = read_text_file(path);
  if (!text) {
    return fail(text.error());
  }
  const YAML::Node root = YAML::Load(*text);
  if (root.IsNull()) {
    return args;
  }
  if (!root.IsMap()) {
    return wrong_line(path, root.Mark().line, "this is no map of flags to values");
  }
  // The model comes first, where no flag before it can take it for one of its values.
  std::vector<std::string> model;
  std::vector<std::string> flags;
  const bool typed_model = !args.empty() && !args.front().starts_with("-");
  if (typed_model) {
    model.push_back(args.front());
  }
  for (const auto& entry : root) {
    const int line = entry.first.Mark().line;
    const std::string word = entry.first.IsScalar() ? entry.first.Scalar() : "";
    if (word == "model" && entry.second.IsScalar()) {
      if (!typed_model) {
        model.push_back(entry.second.Scalar());
      }
      continue;
    }
    const SplitFlag key = split("--" + word).value_or(SplitFlag{.name = "", .value = {}});
    const KnownFlag* flag = find_known(known, key.name);
    if (flag == nullptr || key.name == "config" || key.name == "help") {
      return wrong_line(path, line, fmt::format("'{}' is no flag of dakkar serve", word));
    }
    if (was_typed(args, *flag)) {
      continue;
    }
    if (const Status added = add_entry(entry.second, key, *flag, flags); !added) {
      return wrong_line(path, line, added.error().message);
    }
  }
  model.insert(model.end(), flags.begin(), flags.end());
  model.insert(model.end(), args.begin() + (typed_model ? 1 : 0), args.end());
  return model;
}

}  // namespace

Result<ServeArguments> serve_arguments(const std::vector<std::string>& typed,
                                       const std::vector<KnownFlag>& known) {
  ServeArguments arguments = translate(typed, known);
  std::vector<std::string>& args = arguments.args;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::optional<SplitFlag> flag = split(args[i]);
    if (!flag || flag->name != "config") {
      continue;
    }
    if (!flag->value && i + 1 == args.size()) {
      return fail(ErrorCode::kInvalidArgument, "--config needs the name of a file", "config");
    }
    const std::string path = flag->value ? *flag->value : args[i + 1];
    const auto begin = args.begin() + static_cast<std::ptrdiff_t>(i);
    args.erase(begin, begin + (flag->value ? 1 : 2));
    try {
      Result<std::vector<std::string>> whole = with_file(path, args, known);
      if (!whole) {
        return fail(whole.error());
      }
      args = std::move(*whole);
    } catch (const YAML::Exception& error) {
      return wrong_line(path, error.mark.line, error.msg);
    }
    break;
  }
  return arguments;
}

}  // namespace dak
