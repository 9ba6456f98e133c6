#include "CDecimal.h"

#include <charconv>

extern "C" int tm_format_double(double value, int fixed, char *buffer, int capacity) {
    auto format = fixed ? std::chars_format::fixed : std::chars_format::scientific;
    auto result = std::to_chars(buffer, buffer + capacity, value, format);
    return result.ec == std::errc() ? static_cast<int>(result.ptr - buffer) : 0;
}

extern "C" int tm_parse_double(const char *text, int length, double *value) {
    auto result = std::from_chars(text, text + length, *value);
    return result.ec == std::errc() && result.ptr == text + length;
}
