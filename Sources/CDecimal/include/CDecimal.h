// Shortest round-trip decimal text of a double, and its correctly rounded inverse.
#ifndef TIDEMARK_CDECIMAL_H
#define TIDEMARK_CDECIMAL_H

#ifdef __cplusplus
extern "C" {
#endif

/// Writes the shortest text that reads back to `value`, in fixed notation when `fixed` is not 0
/// and in scientific notation otherwise. Returns the bytes written, or 0 when they don't fit.
int tm_format_double(double value, int fixed, char *buffer, int capacity);

/// Parses the decimal number that fills `text` exactly, rounding to nearest.
/// Returns 1, or 0 when the text is no number or its value is out of range.
int tm_parse_double(const char *text, int length, double *value);

#ifdef __cplusplus
}
#endif
#endif
