/* Borrowed bytes: a pointer and a length, never terminated, never owned. */
#ifndef GW_BASE_SLICE_H
#define GW_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct gw_slice {
    const char *base; /* may be NULL when len is 0 */
    size_t len;
};

/* For literals: GW_SLICE("abc"). */
#define GW_SLICE(literal) ((struct gw_slice)GW_SLICE_INIT(literal))
/* The same as an initialiser of static tables. */
#define GW_SLICE_INIT(literal)                                                                     \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
/* For printf: "%.*s", GW_SLICE_ARG(s). */
#define GW_SLICE_ARG(s) (int)(s).len, (s).base ? (s).base : ""

static inline struct gw_slice gw_slice(const void *base, size_t len)
{
    return (struct gw_slice){base, len};
}

static inline struct gw_slice gw_slice_str(const char *terminated)
{
    return (struct gw_slice){terminated, terminated ? strlen(terminated) : 0};
}

static inline bool gw_slice_eq(struct gw_slice a, struct gw_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.base, b.base, a.len) == 0);
}

static inline bool gw_slice_starts_with(struct gw_slice s, struct gw_slice prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.base, prefix.base, prefix.len) == 0);
}

static inline bool gw_slice_ends_with(struct gw_slice s, struct gw_slice suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.base + s.len - suffix.len, suffix.base, suffix.len) == 0);
}

/* Everything from `from` (at most s.len) on. */
static inline struct gw_slice gw_slice_from(struct gw_slice s, size_t from)
{
    /* As numbers: a NULL pointer, which an empty slice may have, must not be added to, not even 0.
     */
    return (struct gw_slice){(const char *)((uintptr_t)s.base + from), s.len - from};
}

/* Equal but for the case of ASCII letters. */
bool gw_slice_eq_nocase(struct gw_slice a, struct gw_slice b);

/* Without leading and trailing spaces and tabs. */
struct gw_slice gw_slice_trim(struct gw_slice s);

#endif
