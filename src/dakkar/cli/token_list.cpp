#include "dakkar/cli/token_list.h"

#include <charconv>
#include <fstream>
#include <iostream>
#include <iterator>

#include <fmt/core.h>

namespace dak {

Result<std::vector<TokenId>> parse_token_list(std::string_view text, int64_t vocab) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  std::vector<TokenId> ids;
  for (size_t at = text.find_first_not_of(kSpace); at != std::string_view::npos;) {
    const size_t end = std::min(text.find_first_of(kSpace, at), text.size());
    const std::string_view word = text.substr(at, end - at);
    int64_t id = -1;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (error != std::errc() || stop != word.data() + word.size() || id < 0 || id >= vocab) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("'{}' is no token id: ids are integers from 0 to {}",
                              word.substr(0, 40), vocab - 1));
    }
    ids.push_back(static_cast<TokenId>(id));
    at = text.find_first_not_of(kSpace, end);
  }
  return ids;
}

Result<std::string> read_whole_file(const std::string& path) {
  if (path == "-") {
    return std::string(std::istreambuf_iterator<char>(std::cin), {});
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return fail(ErrorCode::kNotFound, fmt::format("{} cannot be read", path));
  }
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace dak
