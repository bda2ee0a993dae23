#include "dakkar/text/output/output_event.h"

namespace dak {

void OutputEvents::add(OutputKind kind, std::string_view text) {
  const bool is_text = kind != OutputKind::kCallStart && kind != OutputKind::kCallEnd;
  if (is_text && text.empty()) {
    return;
  }
  if (is_text && !list_.empty() && list_.back().kind == kind) {
    list_.back().text += text;
  } else {
    list_.push_back({.kind = kind, .text = std::string(text)});
  }
}

}  // namespace dak
