#include "dakkar/text/tokenizer/byte_alphabet.h"

#include "dakkar/text/tokenizer/utf8.h"

namespace dak::tok {
namespace {

constexpr char32_t kFirstSubstitute = 0x100;
constexpr size_t kLetters = 0x144;

constexpr bool prints(uint32_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  std::array<char32_t, 256> letters{};
  std::array<int16_t, kLetters> bytes{};
};

constexpr Alphabet make_alphabet() {
  Alphabet alphabet;
  for (int16_t& byte : alphabet.bytes) {
    byte = -1;
  }
  char32_t substitute = kFirstSubstitute;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const char32_t letter = prints(byte) ? static_cast<char32_t>(byte) : substitute++;
    alphabet.letters[byte] = letter;
    alphabet.bytes[letter] = static_cast<int16_t>(byte);
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = make_alphabet();

}  // namespace

char32_t letter_of_byte(uint8_t byte) {
  return kAlphabet.letters[byte];
}

std::optional<uint8_t> byte_of_letter(char32_t letter) {
  if (letter >= kLetters || kAlphabet.bytes[letter] < 0) {
    return std::nullopt;
  }
  return static_cast<uint8_t>(kAlphabet.bytes[letter]);
}

void append_letters(std::string_view bytes, std::string& out) {
  for (const char byte : bytes) {
    append_utf8(letter_of_byte(static_cast<uint8_t>(byte)), out);
  }
}

std::optional<std::string> bytes_of_letters(std::string_view token) {
  std::string bytes;
  while (!token.empty()) {
    const CodePoint letter = first_code_point(token);
    const std::optional<uint8_t> byte = byte_of_letter(letter.value);
    if (!byte) {
      return std::nullopt;
    }
    bytes += static_cast<char>(*byte);
    token.remove_prefix(static_cast<size_t>(letter.size));
  }
  return bytes;
}

}  // namespace dak::tok
