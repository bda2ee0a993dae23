#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dakkar/base/json.h"
#include "dakkar/base/token_id.h"

namespace dak::test {

/// SplitMix64 (Steele, Lea and Flood 2014), the chance of tools/tokenizer_goldens/strings.py.
class Chance final {
 public:
  Chance(uint64_t seed, uint64_t index) : state_(seed * 1000003 + index) {}

  uint64_t below(uint64_t limit);

 private:
  uint64_t state_;
};

/// Makes the strings that tools/tokenizer_goldens/strings.py makes; its comment is the recipe.
class Strings final {
 public:
  /// Reads tests/data/tokenizer/pools.json.
  Strings();

  std::string mixed(Chance chance) const;
  std::string random_unicode(Chance chance) const;
  std::string broken(Chance chance) const;

 private:
  std::string code_point(Chance& chance) const;
  std::string mix(Chance& chance) const;

  std::map<std::string, std::vector<std::string>> pools_;
  std::vector<std::string> recipe_;
  std::vector<std::pair<char32_t, char32_t>> ranges_;
  uint64_t total_ = 0;
};

std::vector<TokenId> id_list(Chance chance, uint64_t vocabulary);

/// FNV-1a, 64 bit, folded to 32.
uint32_t fingerprint(std::string_view bytes);
uint32_t fingerprint(const std::vector<TokenId>& ids);

/// The elements of an array; fails the test for anything else.
std::vector<JsonView> elements(const std::optional<JsonView>& list);

/// The content of a file; fails the test when there is none.
std::string read_file(const std::string& path);

}  // namespace dak::test
