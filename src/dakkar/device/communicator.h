#pragma once

#include <cstdint>
#include <memory>

#include "dakkar/base/error.h"
#include "dakkar/device/stream.h"
#include "dakkar/tensor/tensor_view.h"

namespace dak {

/// Arguments of `Communicator::all_to_all_v`; R is the group's size, rows are dense.
struct AllToAllArgs {
  TensorView send;                        ///< rows for rank 0, then for rank 1, ...
  const int32_t* send_rows = nullptr;     ///< [R] device memory
  TensorView receive;                     ///< rows from rank 0, then from rank 1, ...
  const int32_t* receive_rows = nullptr;  ///< [R] device memory
};

/// Moves tensors between the ranks of a group, in the order of each rank's stream.
///
/// All ranks make the same calls in the same order. Each call carries a ticket (sequence number,
/// kind, bytes, dtype); ranks whose tickets differ abort, naming both. Sums are in f32 and in rank
/// order, so that every rank holds the same bits.
class Communicator {
 public:
  virtual ~Communicator() = default;

  [[nodiscard]] virtual int rank() const = 0;
  [[nodiscard]] virtual int size() const = 0;

  /// Replaces `x` (f32, dense) by its sum over ranks.
  virtual void all_reduce(Stream& stream, const TensorView& x) = 0;
  /// Sum over ranks of `x` [R * n, ...]; this rank keeps its n rows in `out`.
  virtual void reduce_scatter(Stream& stream, const TensorView& x, const TensorView& out) = 0;
  /// `out` = [R, ...x...]: every rank's `x` one after another. Equal sizes.
  virtual void all_gather(Stream& stream, const TensorView& x, const TensorView& out) = 0;
  /// Row exchange between all pairs.
  virtual void all_to_all_v(Stream& stream, const AllToAllArgs& args) = 0;
  /// Copies rank `root`'s `x` into everyone's.
  virtual void broadcast(Stream& stream, const TensorView& x, int root) = 0;

  /// Splits the group: ranks of equal `color` form a group, ordered by their rank here.
  [[nodiscard]] virtual std::unique_ptr<Communicator> split(int color) = 0;
};

/// The group of one: every collective is a copy or nothing.
[[nodiscard]] std::unique_ptr<Communicator> make_self_group();

}  // namespace dak
