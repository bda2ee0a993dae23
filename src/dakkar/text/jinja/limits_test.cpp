#include <chrono>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "dakkar/text/jinja/template.h"

namespace dak::jinja {
namespace {

std::string error_of(std::string_view source, const Limits& limits = {}) {
  const auto parsed = Template::parse(source);
  if (!parsed) {
    return parsed.error().message;
  }
  RenderInput input;
  input.limits = limits;
  const auto text = parsed->render(input);
  return text ? "none" : text.error().message;
}

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) {
    all += text;
  }
  return all;
}

TEST(JinjaLimitsTest, EndlessWorkEndsWithAnError) {
  const std::string loops =
      "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
  EXPECT_EQ(error_of(loops, {.steps = 100'000}), "line 1: template took more than 100000 steps");
}

TEST(JinjaLimitsTest, OutputIsBounded) {
  EXPECT_EQ(error_of("{% for a in range(999) %}0123456789{% endfor %}", {.output_bytes = 1000}),
            "line 1: output is longer than 1000 bytes");
  EXPECT_NE(error_of("{{ 'x' * 10**15 }}"), "none");
}

TEST(JinjaLimitsTest, MemoryIsBounded) {
  const std::string doubling =
      "{% set n = namespace(s='0123456789' * 100) %}{% for i in range(60) %}"
      "{% set n.s = n.s ~ n.s %}{% endfor %}";
  EXPECT_NE(error_of(doubling), "none");
  const std::string lists =
      "{% set n = namespace(l=[1]) %}{% for i in range(60) %}{% set n.l = n.l + n.l %}{% endfor %}";
  EXPECT_NE(error_of(lists, {.memory_bytes = 1 << 20}), "none");
}

TEST(JinjaLimitsTest, ReplacingIsRefusedBeforeItTakesMemory) {
  const std::string memory = "line 1: template used more than 1048576 bytes of memory";
  const Limits limits{.memory_bytes = 1 << 20};
  EXPECT_EQ(error_of("{{ ('a' * 99999)|replace('a', 'b' * 99999) }}", limits), memory);
  EXPECT_EQ(error_of("{{ ('a' * 99999).replace('a', 'b' * 99999) }}", limits), memory);
  EXPECT_EQ(error_of("{{ ('a' * 99999)|replace('', 'b' * 99999) }}", limits), memory);
  EXPECT_EQ(error_of("{{ ('a' * 99999)|replace('a', 'b' * 99999, 2) }}", limits), "none");
  EXPECT_EQ(error_of("{{ ('a' * 99999)|replace('aaa', '') }}", limits), "none");
}

TEST(JinjaLimitsTest, FormattingStopsWhereMemoryEnds) {
  const std::string memory = "line 1: template used more than 1048576 bytes of memory";
  const Limits limits{.memory_bytes = 1 << 20};
  EXPECT_EQ(error_of("{{ ('%(a)s' * 99999) % {'a': 'x' * 99999} }}", limits), memory);
  EXPECT_EQ(error_of("{{ ('%(a)s' * 99999)|format(a='x' * 99999) }}", limits), memory);
  EXPECT_EQ(error_of("{{ ('{a}' * 99999).format(a='x' * 99999) }}", limits), memory);
}

TEST(JinjaLimitsTest, FormattingPaysForTextThatItCutsOff) {
  const std::string steps = "line 1: template took more than 100000 steps";
  const std::string value = "'x' * 99999";
  EXPECT_EQ(error_of("{{ ('%(a).1s' * 9999) % {'a': " + value + "} }}", {.steps = 100'000}), steps);
  EXPECT_EQ(error_of("{{ ('{a:.1}' * 9999).format(a=" + value + ") }}", {.steps = 100'000}), steps);
}

TEST(JinjaLimitsTest, KeysAreBounded) {
  const std::string set = "{% set n = namespace(t=1) %}";
  const std::string wide = set + "{% for i in range(64) %}{% set n.t = (n.t, n.t) %}{% endfor %}";
  const std::string deep = set + "{% for i in range(99999) %}{% set n.t = (n.t,) %}{% endfor %}";
  const std::string steps = "line 1: template took more than 100000 steps";
  EXPECT_EQ(error_of(wide + "{{ {n.t: 1} }}", {.steps = 100'000}), steps);
  EXPECT_EQ(error_of(wide + "{{ {1: 1}[n.t] }}", {.steps = 100'000}), steps);
  EXPECT_EQ(error_of(deep + "{{ {n.t: 1} }}"), "line 1: values are nested too deeply for a key");
  EXPECT_EQ(error_of("{{ {1: 1}[([],)] is defined }}"), "none");
}

TEST(JinjaLimitsTest, RecursionEndsWithAnError) {
  EXPECT_EQ(error_of("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
            "line 1: macros call each other too deeply");
  EXPECT_NE(error_of("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}"), "none");
}

TEST(JinjaLimitsTest, DeepNestingIsRefusedWhateverItsForm) {
  EXPECT_NE(error_of("{{ " + repeated("(", 5000) + "1" + repeated(")", 5000) + " }}"), "none");
  EXPECT_NE(error_of("{{ " + repeated("[", 5000) + repeated("]", 5000) + " }}"), "none");
  EXPECT_NE(error_of("{{ " + repeated("not ", 50000) + "1 }}"), "none");
  EXPECT_NE(error_of("{{ " + repeated("-", 50000) + "1 }}"), "none");
  EXPECT_NE(error_of("{{ 1" + repeated("+1", 50000) + " }}"), "none");
  EXPECT_NE(error_of("{{ a" + repeated(".a", 50000) + " }}"), "none");
  EXPECT_NE(error_of("{{ a" + repeated("|upper", 50000) + " }}"), "none");
  EXPECT_NE(error_of(repeated("{% if 1 %}", 5000) + repeated("{% endif %}", 5000)), "none");
  EXPECT_NE(error_of("{% for " + repeated("(", 5000) + "a in b %}{% endfor %}"), "none");
}

TEST(JinjaLimitsTest, DeepValuesAreRefusedWhenWalked) {
  const std::string deep =
      "{% set n = namespace(l=[]) %}{% for i in range(1000) %}{% set n.l = [n.l] %}{% endfor %}";
  EXPECT_NE(error_of(deep + "{{ n.l }}"), "none");
  EXPECT_NE(error_of(deep + "{{ n.l|tojson }}"), "none");
  EXPECT_NE(error_of(deep + "{% set a = n.l %}{{ a == [a] }}"), "none");
}

TEST(JinjaLimitsTest, MangledTemplatesNeverCrash) {
  const std::string source =
      "{%- macro m(a, b=1) -%}{{ a ~ b|upper }}{%- endmacro -%}{% for x, y in d.items() if x %}"
      "{{ loop.index0 }}{{ m(x, b=y[1:-1:2]) }}{% else %}{# c #}{% endfor %}{% set n = namespace(a="
      "'\\u00e9') %}{% set n.a = {'k': (1, 2.5e3)} %}{{ 'x' if n.a is mapping else raise_exception("
      "'no') }}{% raw %}{{ }}{% endraw %}{% call m(1) %}{% endcall %}{% filter trim %} {% "
      "endfilter %}";
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::string mangled = source;
    const auto edits = 1 + random() % 4;
    for (unsigned edit = 0; edit < edits; ++edit) {
      const size_t from = random() % mangled.size();
      const size_t length = std::min<size_t>(random() % 9, mangled.size() - from);
      mangled.replace(from, length, source.substr(random() % source.size(), random() % 9));
      mangled += static_cast<char>(random() % 256);
    }
    EXPECT_FALSE(error_of(mangled).empty());
  }
}

TEST(JinjaSpeedTest, ALongConversationRendersWellUnderASecond) {
  const auto parsed = Template::parse(
      "{% set ns = namespace(all='') %}{% for m in messages %}{{ '<|im_start|>' ~ m.role ~ '\\n' ~ "
      "(m.content|trim) ~ '<|im_end|>\\n' }}{% set ns.all = ns.all ~ m.content %}{% endfor %}"
      "{{ ns.all|length }}{{ messages|tojson|length }}");
  ASSERT_TRUE(parsed);
  Heap heap;
  std::vector<Value> messages;
  for (int i = 0; i < 2000; ++i) {
    auto& message = heap.make<DictObject>();
    message.set(heap.string("role", Origin::kUser), heap.string("user", Origin::kTemplate));
    message.set(heap.string("content", Origin::kUser),
                heap.string(repeated("some words ", 50), Origin::kUser));
    messages.push_back(Value::object_of(Kind::kDict, &message));
  }
  RenderInput input;
  input.variables.emplace_back("messages", heap.list(messages));
  const auto begin = std::chrono::steady_clock::now();
  const auto text = parsed->render(input);
  const auto end = std::chrono::steady_clock::now();
  const double seconds = std::chrono::duration<double>(end - begin).count();
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_GT(text->size(), 1'000'000);
  EXPECT_LT(seconds, 1.0);
  RecordProperty("milliseconds", static_cast<int>(seconds * 1000));
}

}  // namespace
}  // namespace dak::jinja
