#include <utility>

#include "dakkar/base/check.h"
#include "dakkar/engine/request.h"

namespace dak {

TokenStream::~TokenStream() {
  if (StreamOwner* owner = owner_.load(std::memory_order_acquire); owner != nullptr) {
    owner->stream_gone(handle_);
  }
}

void TokenStream::publish(GenerationEvent event) {
  check(box_.try_push(event) || box_.closed(), "a stream's box is full");
  if (wake_) {
    wake_();
  }
}

void TokenStream::close() {
  box_.close();
}

}  // namespace dak
