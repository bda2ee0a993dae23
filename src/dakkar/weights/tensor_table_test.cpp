#include "dakkar/weights/tensor_table.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "dakkar/weights/family_configs.h"

namespace dak {
namespace {

struct Totals {
  int64_t tensors;
  int64_t values;
  friend bool operator==(const Totals&, const Totals&) = default;
};

std::ostream& operator<<(std::ostream& out, const Totals& totals) {
  return out << totals.tensors << " tensors, " << totals.values << " values";
}

std::vector<TensorSpec> table_of(const std::string& config_text) {
  return tensor_table(ModelConfig::parse(config_text, "test").value());
}

Totals totals_of(const std::string& config_text) {
  Totals totals = {0, 0};
  for (const TensorSpec& spec : table_of(config_text)) {
    totals.tensors += 1;
    totals.values += spec.elements();
  }
  return totals;
}

TEST(TensorTableTest, TotalsEqualThePublishedOnes) {
  EXPECT_EQ(totals_of(family::ultra()), (Totals{51'023, 560'524'603'904}));
  EXPECT_EQ(totals_of(family::super()), (Totals{42'683, 123'611'033'088}));
  EXPECT_EQ(totals_of(family::nano()), (Totals{6'243, 31'577'940'288}));
  EXPECT_EQ(totals_of(family::lightning()), (Totals{6'513, 32'913'266'240}));
}

TEST(TensorTableTest, NamesAreDistinct) {
  std::set<std::string> names;
  for (const TensorSpec& spec : table_of(family::lightning())) {
    EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
  }
}

TEST(TensorTableTest, TheMtpHeadIsNumberedFlat) {
  const auto table = table_of(family::ultra());
  const auto find = [&](const std::string& name) {
    return std::find_if(table.begin(), table.end(),
                        [&](const TensorSpec& spec) { return spec.name == name; });
  };
  ASSERT_NE(find("mtp.layers.0.eh_proj.weight"), table.end());
  EXPECT_EQ(find("mtp.layers.0.eh_proj.weight")->shape, (std::vector<int64_t>{8192, 16384}));
  EXPECT_NE(find("mtp.layers.1.mixer.experts.511.down_proj.weight"), table.end());
  EXPECT_NE(find("mtp.layers.1.final_layernorm.weight"), table.end());
  EXPECT_EQ(find("mtp.layers.0.final_layernorm.weight"), table.end());
}

TEST(TensorTableTest, ModulesAreNamesWithoutWeight) {
  EXPECT_EQ(TensorSpec{.name = "lm_head.weight"}.module(), "lm_head");
  EXPECT_EQ(TensorSpec{.name = "a.A_log"}.module(), "a.A_log");
}

}  // namespace
}  // namespace dak
