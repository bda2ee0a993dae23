#include "tokenizer_strings.h"

#include <cstring>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "dakkar/text/tokenizer/utf8.h"

namespace dak::test {

uint64_t Chance::below(uint64_t limit) {
  state_ += 0x9E3779B97F4A7C15ULL;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return (z ^ (z >> 31)) % limit;
}

Strings::Strings() {
  const std::string text = read_file("tests/data/tokenizer/pools.json");
  const JsonDocument document = JsonDocument::parse(text).value();
  const JsonView root = document.root();
  for (const JsonView& name : elements(root.find("recipe"))) {
    recipe_.emplace_back(name.as_string().value());
  }
  const auto lists = root.find("lists")->as_object();
  for (const auto& [name, pool] : *lists) {
    for (const JsonView& atom : elements(pool)) {
      pools_[std::string(name)].emplace_back(atom.as_string().value());
    }
  }
  for (const JsonView& range : elements(root.find("code_points"))) {
    const auto ends = elements(range);
    const auto first = static_cast<char32_t>(ends[0].as_integer().value());
    const auto last = static_cast<char32_t>(ends[1].as_integer().value());
    ranges_.emplace_back(first, last);
    total_ += last - first + 1;
  }
}

std::string Strings::code_point(Chance& chance) const {
  uint64_t at = chance.below(total_);
  for (const auto& [first, last] : ranges_) {
    const uint64_t size = last - first + 1;
    if (at < size) {
      std::string text;
      tok::append_utf8(first + static_cast<char32_t>(at), text);
      return text;
    }
    at -= size;
  }
  return {};
}

std::string Strings::mix(Chance& chance) const {
  std::string text;
  const uint64_t atoms = 1 + chance.below(20);
  for (uint64_t i = 0; i < atoms; ++i) {
    const std::string& name = recipe_[chance.below(recipe_.size())];
    std::string atom;
    if (name == "code_points") {
      atom = code_point(chance);
    } else {
      const std::vector<std::string>& pool = pools_.at(name);
      atom = pool[chance.below(pool.size())];
    }
    const uint64_t repeats = chance.below(12) == 0 ? 1 + chance.below(8) : 1;
    for (uint64_t k = 0; k < repeats; ++k) {
      text += atom;
    }
  }
  return text;
}

std::string Strings::mixed(Chance chance) const {
  return mix(chance);
}

std::string Strings::random_unicode(Chance chance) const {
  std::string text;
  const uint64_t atoms = 1 + chance.below(40);
  for (uint64_t i = 0; i < atoms; ++i) {
    text += code_point(chance);
  }
  return text;
}

std::string Strings::broken(Chance chance) const {
  std::string text = mix(chance);
  const uint64_t edits = 1 + chance.below(5);
  for (uint64_t i = 0; i < edits && !text.empty(); ++i) {
    const uint64_t at = chance.below(text.size());
    switch (chance.below(4)) {
      case 0:
        text[at] = static_cast<char>(0x80 + chance.below(0x80));
        break;
      case 1:
        text.erase(at, 1);
        break;
      case 2:
        text.insert(at, 1, static_cast<char>(0x80 + chance.below(0x80)));
        break;
      default:
        text.resize(at);
    }
  }
  if (tok::is_utf8(text)) {
    text.insert(chance.below(text.size() + 1), 1, '\xFF');
  }
  return text;
}

std::vector<TokenId> id_list(Chance chance, uint64_t vocabulary) {
  std::vector<TokenId> ids(chance.below(30));
  for (TokenId& id : ids) {
    const uint64_t limit = chance.below(4) == 0 ? 32 : vocabulary + 2;
    id = static_cast<TokenId>(chance.below(limit));
  }
  return ids;
}

uint32_t fingerprint(std::string_view bytes) {
  uint64_t value = 0xCBF29CE484222325ULL;
  for (const char byte : bytes) {
    value = (value ^ static_cast<uint8_t>(byte)) * 0x100000001B3ULL;
  }
  return static_cast<uint32_t>(value ^ (value >> 32));
}

uint32_t fingerprint(const std::vector<TokenId>& ids) {
  std::string bytes(ids.size() * sizeof(TokenId), '\0');
  if (!ids.empty()) {
    std::memcpy(bytes.data(), ids.data(), bytes.size());
  }
  return fingerprint(bytes);
}

std::vector<JsonView> elements(const std::optional<JsonView>& list) {
  Result<std::vector<JsonView>> found =
      list ? list->as_array() : fail(ErrorCode::kCorruptFile, "no list");
  EXPECT_TRUE(found);
  return std::move(*found);
}

std::string read_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  EXPECT_TRUE(stream) << path << " cannot be opened";
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace dak::test
