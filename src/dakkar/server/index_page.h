#pragma once

#include <string>

namespace dak {

/// What the page at `/` shows.
struct IndexFacts {
  std::string model;  ///< empty while loading
  std::string phase;
};

/// A small HTML page that says what this server is and how to call it.
[[nodiscard]] std::string index_page(const IndexFacts& facts);

}  // namespace dak
