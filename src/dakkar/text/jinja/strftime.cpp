#include "dakkar/text/jinja/strftime.h"

#include <ctime>

#include <fmt/core.h>

namespace dak::jinja {
namespace {

constexpr int kDaysBefore[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};

bool is_leap(int year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

// Days since 1970-01-01 (Howard Hinnant's days_from_civil).
int64_t days_from_civil(int64_t year, int month, int day) {
  year -= month <= 2 ? 1 : 0;
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
         719468;
}

std::tm broken_down(const ClockTime& time) {
  std::tm out{};
  out.tm_year = time.year - 1900;
  out.tm_mon = time.month - 1;
  out.tm_mday = time.day;
  out.tm_hour = time.hour;
  out.tm_min = time.minute;
  out.tm_sec = time.second;
  const int64_t days = days_from_civil(time.year, time.month, time.day);
  out.tm_wday = static_cast<int>(((days + 4) % 7 + 7) % 7);
  out.tm_yday =
      kDaysBefore[time.month - 1] + time.day - 1 + (time.month > 2 && is_leap(time.year) ? 1 : 0);
  out.tm_isdst = -1;
  return out;
}

}  // namespace

std::string format_time(std::string_view format, const ClockTime& time) {
  static constexpr std::string_view kConversions = "aAbBcCdDeFgGhHIjklmMnprRsStTuUVwWxXyYP%";
  const std::tm broken = broken_down(time);
  std::string out;
  for (size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%') {
      out.push_back(format[at]);
      continue;
    }
    size_t end = at + 1;
    while (end < format.size() && end < at + 4 &&
           std::string_view("-_0^#123456789").find(format[end]) != std::string_view::npos) {
      ++end;
    }
    const char conversion = end < format.size() ? format[end] : '\0';
    if (conversion == 'f') {
      out += fmt::format("{:06d}", time.microsecond);
    } else if (kConversions.find(conversion) != std::string_view::npos && conversion != '\0') {
      char buffer[256];
      const std::string one(format.substr(at, end - at + 1));
      out.append(buffer, std::strftime(buffer, sizeof buffer, one.c_str(), &broken));
    } else if (conversion != 'z' && conversion != 'Z') {
      out.append(format.substr(at, end - at + 1));
    }
    at = end;
  }
  return out;
}

}  // namespace dak::jinja
