#include "dakkar/text/jinja/template.h"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include "dakkar/text/jinja/from_json.h"

namespace dak::jinja {
namespace {

// Renders with the variables of a JSON object; an error gives "error: " and its message.
std::string render(std::string_view source, const char* json = "{}") {
  const auto parsed = Template::parse(source);
  if (!parsed) {
    return "error: " + parsed.error().message;
  }
  rapidjson::Document document;
  document.Parse<rapidjson::kParseFullPrecisionFlag>(json);
  Heap heap;
  RenderInput input;
  for (const auto& entry : document.GetObject()) {
    const auto value = value_from_json(heap, entry.value, Origin::kUser);
    input.variables.emplace_back(entry.name.GetString(), value.value());
  }
  const auto text = parsed->render(input);
  return text ? text->bytes() : "error: " + text.error().message;
}

// The user's part of what is rendered, with the template's part shown as dots.
std::string users_part(std::string_view source, const char* json) {
  rapidjson::Document document;
  document.Parse(json);
  Heap heap;
  RenderInput input;
  for (const auto& entry : document.GetObject()) {
    const auto value = value_from_json(heap, entry.value, Origin::kUser);
    input.variables.emplace_back(entry.name.GetString(), value.value());
  }
  const auto text = Template::parse(source).value().render(input).value();
  std::string shown = text.bytes();
  for (const OriginRun& run : text.runs()) {
    if (run.origin == Origin::kTemplate) {
      const auto begin = static_cast<size_t>(run.begin);
      const auto length = static_cast<size_t>(run.end - run.begin);
      shown.replace(begin, length, std::string(length, '.'));
    }
  }
  return shown;
}

constexpr const char* kText = R"({"x": "aXbXc", "d": {"k": "v<"}})";

TEST(JinjaTemplateTest, WhitespaceRulesAreThoseOfTrimAndLstripBlocks) {
  EXPECT_EQ(render("a\n  {% if true %}\nb\n  {% endif %}\nc\n"), "a\nb\nc");
  EXPECT_EQ(render("a  {{- 'b' -}}  c"), "abc");
  EXPECT_EQ(render("a\n  {%+ if true %}b{% endif +%}\nc"), "a\n  b\nc");
}

TEST(JinjaTemplateTest, AScopeWorksOnItsOwnCopyOfAName) {
  EXPECT_EQ(render("{% set a = 1 %}{% for i in [2, 3] %}{{ a }}{% set a = i %}{% endfor %}{{ a }}"),
            "111");
  EXPECT_EQ(render("{% if true %}{% set a = 2 %}{% endif %}{{ a }}"), "2");
}

TEST(JinjaTemplateTest, ANameSetLaterInTheOuterScopeHidesTheVariable) {
  EXPECT_EQ(render("{% for i in [1] %}[{{ x }}]{% endfor %}{% set x = 1 %}", kText), "[]");
}

TEST(JinjaTemplateTest, MacrosSeeTheirSurroundingsAsTheyAreWhenCalled) {
  EXPECT_EQ(render("{% set a = 1 %}{% macro m() %}{{ a }}{% endmacro %}{% set a = 2 %}{{ m() }}"),
            "2");
}

TEST(JinjaTemplateTest, AFilteredLoopTestsItsItemsOneAhead) {
  EXPECT_EQ(render("{% set n = namespace(stop=false) %}{% for i in range(9) if not n.stop %}{{ i }}"
                   "{% if i == 2 %}{% set n.stop = true %}{% endif %}{% endfor %}"),
            "012");
}

TEST(JinjaTemplateTest, ErrorsNameTheLine) {
  EXPECT_EQ(render("a\n{{ x.y.z }}"), "error: line 2: 'x' is undefined");
  EXPECT_EQ(render("a\n\n{% endif %}"), "error: line 3: encountered unknown tag 'endif'");
  EXPECT_EQ(render("{{ x|nope }}"), "error: line 1: no filter named 'nope'");
}

TEST(JinjaTemplateTest, TheTemplatesOwnExceptionIsTheWholeMessage) {
  EXPECT_EQ(render("{{ raise_exception('Only ' ~ 1 ~ ' turn') }}"), "error: Only 1 turn");
}

TEST(JinjaTemplateTest, PrivateAndMutatingAttributesAreUnusable) {
  EXPECT_EQ(render("{{ x.__class__ }}", kText), "");
  EXPECT_EQ(render("{{ x.__class__.__mro__ }}", kText),
            "error: line 1: access to attribute '__class__' of 'str' object is unsafe.");
  EXPECT_EQ(render("{{ '{0.__class__.x}'.format(x) }}", kText),
            "error: line 1: access to attribute '__class__' of 'str' object is unsafe.");
  EXPECT_EQ(render("{{ [].append(1) }}"),
            "error: line 1: access to attribute 'append' of 'list' object is unsafe.");
}

TEST(JinjaTemplateTest, SearchingFromTheRightFindsLongPartsAcrossWindows) {
  const std::string long_part = "'" + std::string(20, 'a') + "b'";
  const std::string text = "{% set s = 'a' * 30 ~ 'b' ~ 'x' * 9000 ~ " + long_part + " %}";
  EXPECT_EQ(render(text + "{{ s.rfind(" + long_part + ") }}"), "9031");
  EXPECT_EQ(render(text + "{{ s[:-1].rfind(" + long_part + ") }}"), "10");
  EXPECT_EQ(render(text + "{{ s.rsplit(" + long_part + ")|map('length')|list }}"), "[10, 9000, 0]");
}

TEST(JinjaTemplateTest, InheritanceAndIncludesAreRefusedByName) {
  EXPECT_EQ(render("{% include 'x' %}"),
            "error: line 1: tag 'include' is not supported in a chat template");
}

TEST(JinjaTemplateTest, FreeVariablesAreThoseReadFromOutside) {
  const auto parsed = Template::parse(
      "{% set a = b %}{{ a }}{% macro m(p) %}{{ p }}{{ low_effort }}{% endmacro %}"
      "{% for m in messages %}{{ m }}{{ loop.index }}{% endfor %}{{ range(2) }}");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->variables(), (std::vector<std::string>{"b", "low_effort", "messages"}));
}

TEST(JinjaProvenanceTest, CutAndJoinedTextKeepsItsOrigin) {
  EXPECT_EQ(users_part("<{{ x }}>", kText), ".aXbXc.");
  EXPECT_EQ(users_part("{{ '[' ~ x[1:4] + ']' }}", kText), ".XbX.");
  EXPECT_EQ(users_part("{{ x.split('X')|join('--') }}", kText), "a..b..c");
  EXPECT_EQ(users_part("{{ x.replace('X', '<>') }}", kText), "a..b..c");
  EXPECT_EQ(users_part("{{ x|upper|trim }}{{ x[::-1] }}", kText), "AXBXCcXbXa");
  EXPECT_EQ(users_part("{{ '%s=%s'|format('t', x) }}", kText), "..aXbXc");
  EXPECT_EQ(users_part("{{ '{}!'.format(x) }}", kText), "aXbXc.");
}

TEST(JinjaProvenanceTest, DumpsAndEscapesKeepTheOriginOfTheirText) {
  EXPECT_EQ(users_part("{{ d|tojson }}", kText), "..k....v<..");
  EXPECT_EQ(users_part("{{ d }}", kText), "..k....v<..");
  EXPECT_EQ(users_part("{{ '<' ~ (d.k|e) }}", kText), ".v&lt;");
}

TEST(JinjaProvenanceTest, CapturedTextKeepsItsOrigin) {
  EXPECT_EQ(users_part("{% macro m(a) %}[{{ a }}]{% endmacro %}{{ m(x) }}", kText), ".aXbXc.");
  EXPECT_EQ(users_part("{% set s %}[{{ x }}]{% endset %}{{ s|indent(2, true) }}", kText),
            "...aXbXc.");
}

}  // namespace
}  // namespace dak::jinja
