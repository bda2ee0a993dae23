#pragma once

#include <span>

#include "dakkar/device/cpu/row_groups.h"
#include "dakkar/device/ops_linear.h"
#include "dakkar/device/packed_weight.h"
#include "dakkar/device/worker_team.h"

namespace dak::cpu {

/// Most rows that are multiplied with a panel at a time: their inputs and sums stay in a cache.
inline constexpr int64_t kRowBlock = 256;

/// Where the results of a product go.
struct ProductOutput {
  TensorView out;                 ///< [rows of it, N]
  const int64_t* rows = nullptr;  ///< which rows of out
  Accumulate accumulate = Accumulate::kNo;
};

/// A thread's memory for products of one block of rows.
struct ProductScratch {
  std::span<float> sums;       ///< [rows][64]
  std::span<uint16_t> values;  ///< bf16 [kChunkPairs][64][2]
  std::span<float> scales;     ///< [kChunkPairs / 8][64]
};
[[nodiscard]] ProductScratch take_product_scratch(Scratch& scratch, int64_t rows);

/// A weight in the reference's layout times those rows, by the reference's loops.
void multiply_reference_rows(const PackedWeight& weight, const TensorView& x,
                             std::span<const int64_t> inputs, const ProductOutput& output);

/// One weight times at most `kRowBlock` rows.
struct PanelJob {
  const PackedWeight& weight;  ///< in a layout of `pack_panels`
  const PanelKernels& kernels;
  const RowGroups& x;
  ProductOutput output;
};

/// Computes panels [begin, end): out = output_scale * sum, or adds that to out.
void multiply_panels(const PanelJob& job, WorkRange panels, const ProductScratch& scratch);

}  // namespace dak::cpu
