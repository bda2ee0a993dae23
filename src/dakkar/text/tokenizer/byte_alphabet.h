#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dak::tok {

/// The letter that stands for `byte` in byte-level vocabularies: itself where Latin-1 prints it,
/// else one of U+0100..U+0143 in order. Source: Radford et al. 2019, GPT-2's published encoder.
[[nodiscard]] char32_t letter_of_byte(uint8_t byte);

/// The byte that `letter` stands for, or nothing for a character outside the alphabet.
[[nodiscard]] std::optional<uint8_t> byte_of_letter(char32_t letter);

/// Appends the letters of `bytes` as UTF-8.
void append_letters(std::string_view bytes, std::string& out);

/// The bytes that `token` (valid UTF-8) stands for, or nothing if some character is outside the
/// alphabet.
[[nodiscard]] std::optional<std::string> bytes_of_letters(std::string_view token);

}  // namespace dak::tok
