#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dak::jinja {

/// Says who wrote a byte: the template's author, or whoever sent the request.
enum class Origin : uint8_t { kTemplate, kUser };

/// The bytes [begin, end) of some text, all of one origin.
struct OriginRun {
  int64_t begin = 0;
  int64_t end = 0;
  Origin origin = Origin::kTemplate;
};

/// A string that remembers for every byte where it came from.
///
/// The marks are a list of positions at which the origin flips, so text with one origin costs no
/// more than a plain string. Appending is amortised constant per byte; cutting out a part is linear
/// in that part and logarithmic in the number of marks.
class MarkedText {
 public:
  MarkedText() = default;

  /// Holds `bytes`, all of one origin.
  MarkedText(std::string bytes, Origin origin) : bytes_(std::move(bytes)), first_(origin) {}

  const std::string& bytes() const { return bytes_; }
  int64_t size() const { return static_cast<int64_t>(bytes_.size()); }
  bool empty() const { return bytes_.empty(); }

  /// Returns the origin of the byte at `at`, which must lie inside, or of the first byte of
  /// nothing.
  Origin origin_at(int64_t at) const;

  void append(std::string_view bytes, Origin origin);
  void append(const MarkedText& other);

  /// Appends the bytes [begin, end) of `other` with their origins.
  void append(const MarkedText& other, int64_t begin, int64_t end);

  /// Returns the bytes [begin, end) with their origins.
  MarkedText slice(int64_t begin, int64_t end) const;

  /// Splits into maximal stretches of one origin; empty text gives none.
  std::vector<OriginRun> runs() const;

  /// Makes room for `bytes` more.
  void reserve(int64_t bytes) { bytes_.reserve(bytes_.size() + static_cast<size_t>(bytes)); }

 private:
  Origin last_origin() const;

  std::string bytes_;
  Origin first_ = Origin::kTemplate;
  std::vector<int64_t> flips_;  ///< ascending byte positions where the origin changes
};

}  // namespace dak::jinja
