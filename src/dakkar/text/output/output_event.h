#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dak {

/// What a piece of a model's output is.
enum class OutputKind {
  kReasoning,      ///< text of the reasoning
  kContent,        ///< text for the user
  kCallStart,      ///< a tool call begins; the text is the function's name
  kCallArguments,  ///< a piece of the call's arguments; all of them together are a JSON object
  kCallEnd,        ///< the call is complete
};

/// A piece of output. Calls follow one another; the pieces between a start and an end are one's.
struct OutputEvent {
  OutputKind kind = OutputKind::kContent;
  std::string text;
};

/// Events in order; text of one kind that follows upon itself is joined.
class OutputEvents final {
 public:
  void add(OutputKind kind, std::string_view text = {});
  [[nodiscard]] const std::vector<OutputEvent>& list() const { return list_; }
  /// Hands over what is there and starts anew.
  [[nodiscard]] std::vector<OutputEvent> take() { return std::exchange(list_, {}); }

 private:
  std::vector<OutputEvent> list_;
};

}  // namespace dak
