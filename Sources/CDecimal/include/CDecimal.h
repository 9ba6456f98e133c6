// Writes a double as the shortest decimal text that reads back to it, and reads such texts.
#ifndef TIDEMARK_CDECIMAL_H
#define TIDEMARK_CDECIMAL_H

#ifdef __cplusplus
extern "C" {
#endif

/// Writes the shortest text that reads back to `value`, in fixed notation if `fixed` is not 0 and
/// in scientific notation otherwise. Returns the number of bytes, or 0 if they do not fit.
int tm_format_double(double value, int fixed, char *buffer, int capacity);

/// Parses `text`, which must be one decimal number and nothing else, and rounds to nearest.
/// Returns 1, or 0 if the text is not a number or its value is out of range.
int tm_parse_double(const char *text, int length, double *value);

#ifdef __cplusplus
}
#endif
#endif
