#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace dak {

template <typename Signature>
class FunctionRef;

/// Borrows a callable for the length of a call; costs two pointers and never allocates.
template <typename Return, typename... Args>
class FunctionRef<Return(Args...)> final {
 public:
  template <typename Callable>
  requires(!std::is_same_v<std::remove_cvref_t<Callable>, FunctionRef>)
      // Implicit, so that lambdas are passed as they are.
      FunctionRef(Callable&& callable)  // NOLINT(google-explicit-constructor)
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(callable)))),
        call_([](void* object, Args... args) -> Return {
          return (*static_cast<std::remove_reference_t<Callable>*>(object))(
              std::forward<Args>(args)...);
        }) {}

  Return operator()(Args... args) const { return call_(object_, std::forward<Args>(args)...); }

 private:
  void* object_;
  Return (*call_)(void*, Args...);
};

}  // namespace dak
