#include "dakkar/device/local_group.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/core.h>

#include "dakkar/device/group_state.h"

namespace dak {
namespace {

/// Elements summed at a time; their sums stay in the first-level cache.
constexpr int64_t kBlock = 1024;

void copy_bytes(std::byte* to, const std::byte* from, int64_t bytes) {
  if (to != from && bytes > 0) {
    std::memcpy(to, from, static_cast<size_t>(bytes));
  }
}

class LocalGroup final : public Communicator {
 public:
  LocalGroup(GroupState* state, int rank) : member_(state), rank_(rank) {}

  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return state().size(); }

  void all_reduce(Stream& stream, const TensorView& x) override {
    check(x.dtype == DType::kF32 && x.is_dense(), "all_reduce: x is dense f32");
    enqueue(stream, {.from = x, .to = x}, ticket(Collective::kAllReduce, x), [this](const Post& p) {
      // Each rank sums its slice for all: no rank reads what another writes.
      const int64_t begin = p.from.elements() * rank_ / size();
      const int64_t end = p.from.elements() * (rank_ + 1) / size();
      for (int64_t i = begin; i < end; i += kBlock) {
        const int64_t count = std::min(kBlock, end - i);
        const std::array<float, kBlock> sum = sum_over_ranks(i, count);
        for (int r = 0; r < size(); ++r) {
          std::copy_n(sum.data(), count, state().post(r).to.as<float>() + i);
        }
      }
    });
  }

  void reduce_scatter(Stream& stream, const TensorView& x, const TensorView& out) override {
    check(x.dtype == DType::kF32 && x.is_dense(), "reduce_scatter: x is dense f32");
    check(out.dtype == DType::kF32 && out.is_dense(), "reduce_scatter: out is dense f32");
    check(out.elements() * size() == x.elements(), "reduce_scatter: out is a rank's part of x");
    enqueue(stream, {.from = x, .to = out}, ticket(Collective::kReduceScatter, x),
            [this](const Post& p) {
              const int64_t part = p.to.elements();
              for (int64_t i = 0; i < part; i += kBlock) {
                const int64_t count = std::min(kBlock, part - i);
                const std::array<float, kBlock> sum = sum_over_ranks(rank_ * part + i, count);
                std::copy_n(sum.data(), count, p.to.as<float>() + i);
              }
            });
  }

  void all_gather(Stream& stream, const TensorView& x, const TensorView& out) override {
    check(x.is_dense() && out.is_dense() && x.dtype == out.dtype,
          "all_gather: x and out are dense");
    check(out.elements() == x.elements() * size(), "all_gather: out holds every rank's x");
    enqueue(
        stream, {.from = x, .to = out}, ticket(Collective::kAllGather, x), [this](const Post& p) {
          for (int r = 0; r < size(); ++r) {
            copy_bytes(p.to.data + r * p.from.bytes(), state().post(r).from.data, p.from.bytes());
          }
        });
  }

  void all_to_all_v(Stream& stream, const AllToAllArgs& args) override {
    check(args.send.is_dense() && args.receive.is_dense() && args.send.dtype == args.receive.dtype,
          "all_to_all_v: rows are dense");
    Post post{.from = args.send, .to = args.receive, .send_rows = args.send_rows};
    const int32_t* expected = args.receive_rows;
    // Ranks send different numbers of rows; all rows are alike.
    check(args.send.dim(0) > 0, "all_to_all_v: a view has at least one row");
    enqueue(stream, post, ticket(Collective::kAllToAll, args.send.rows(0, 1)),
            [this, expected](const Post& p) { receive_rows(p, expected); });
  }

  void broadcast(Stream& stream, const TensorView& x, int root) override {
    check(root >= 0 && root < size() && x.is_dense(), "broadcast: a root and a dense x are given");
    Ticket said = ticket(Collective::kBroadcast, x);
    said.root = root;
    enqueue(stream, {.from = x, .to = x}, said, [this, root](const Post& p) {
      copy_bytes(p.to.data, state().post(root).from.data, p.to.bytes());
    });
  }

  [[nodiscard]] std::unique_ptr<Communicator> split(int color) override;

 private:
  [[nodiscard]] GroupState& state() const { return member_.state(); }

  static Ticket ticket(Collective kind, const TensorView& x) {
    return {.sequence = 0, .kind = kind, .bytes = x.bytes(), .dtype = x.dtype, .root = 0};
  }

  /// Runs `work` between two meetings of all ranks: the first shows the posts, the second says that
  /// nobody reads them any more.
  template <typename Work>
  void enqueue(Stream& stream, Post post, Ticket said, Work work) {
    stream.launch([this, post, said, work] { run(post, said, work); });
  }

  template <typename Work>
  void run(Post post, Ticket said, const Work& work) {
    said.sequence = sequence_++;
    post.ticket = said;
    state().post(rank_) = post;
    state().meet();
    compare_tickets();
    work(state().post(rank_));
    state().meet();
  }

  void compare_tickets() const {
    const Ticket& mine = state().post(rank_).ticket;
    for (int r = 0; r < size(); ++r) {
      const Ticket& theirs = state().post(r).ticket;
      if (!(mine == theirs)) {
        check_failed(
            fmt::format("ranks disagree on a collective: rank {} calls {}; rank {} calls {}", rank_,
                        describe(mine), r, describe(theirs)),
            std::source_location::current());
      }
    }
  }

  [[nodiscard]] std::array<float, kBlock> sum_over_ranks(int64_t begin, int64_t count) const {
    std::array<float, kBlock> sum;
    std::copy_n(state().post(0).from.as<float>() + begin, count, sum.data());
    for (int r = 1; r < size(); ++r) {
      const float* x = state().post(r).from.as<float>() + begin;
      for (int64_t i = 0; i < count; ++i) {
        sum[static_cast<size_t>(i)] += x[i];
      }
    }
    return sum;
  }

  void receive_rows(const Post& mine, const int32_t* expected) const {
    const int64_t row_bytes = mine.from.stride(0) * size_of(mine.from.dtype);
    std::byte* to = mine.to.data;
    int64_t received = 0;
    for (int r = 0; r < size(); ++r) {
      const Post& sender = state().post(r);
      check(sender.send_rows[rank_] == expected[r], "all_to_all_v: ranks disagree on a row count");
      int64_t skipped = 0;
      for (int other = 0; other < rank_; ++other) {
        skipped += sender.send_rows[other];
      }
      received += expected[r];
      check(received <= mine.to.dim(0) && skipped + expected[r] <= sender.from.dim(0),
            "all_to_all_v: more rows than there is room for");
      copy_bytes(to, sender.from.data + skipped * row_bytes, expected[r] * row_bytes);
      to += expected[r] * row_bytes;
    }
  }

  GroupMember member_;
  int rank_;
  int64_t sequence_ = 0;
};

std::unique_ptr<Communicator> LocalGroup::split(int color) {
  int new_rank = 0;
  GroupState* child = nullptr;
  run({.color = color}, ticket(Collective::kSplit, TensorView()), [&](const Post& mine) {
    int first = rank_;
    int count = 0;
    for (int r = size(); r-- > 0;) {
      if (state().post(r).color == mine.color) {
        first = r;
        ++count;
        new_rank += r < rank_ ? 1 : 0;
      }
    }
    if (first == rank_) {
      state().post(rank_).child = std::make_unique<GroupState>(count).release();
    }
    state().meet();
    child = state().post(first).child;
  });
  return std::make_unique<LocalGroup>(child, new_rank);
}

}  // namespace

std::vector<std::unique_ptr<Communicator>> make_local_group(int size) {
  check(size > 0, "a group has at least one rank");
  GroupState* state = std::make_unique<GroupState>(size).release();
  std::vector<std::unique_ptr<Communicator>> ranks;
  for (int rank = 0; rank < size; ++rank) {
    ranks.push_back(std::make_unique<LocalGroup>(state, rank));
  }
  return ranks;
}

}  // namespace dak
