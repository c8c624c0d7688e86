#include "frontend/byte_ranges.h"

#include <string.h>

/* Of the file; last is included. */
struct range {
    uint64_t first, last;
};

static struct gw_slice next_item(struct gw_slice *rest)
{
    const char *comma = memchr(rest->base, ',', rest->len);
    size_t length = comma != NULL ? (size_t)(comma - rest->base) : rest->len;
    struct gw_slice item = gw_slice_trim(gw_slice(rest->base, length));
    *rest = gw_slice_from(*rest, comma != NULL ? length + 1 : length);
    return item;
}

/* UINT64_MAX for what is larger. False: there are none. */
static bool take_digits(struct gw_slice *text, uint64_t *ret_number)
{
    size_t n = 0;
    *ret_number = 0;
    for (; n < text->len && text->base[n] >= '0' && text->base[n] <= '9'; n++) {
        if (__builtin_mul_overflow(*ret_number, 10, ret_number) ||
            __builtin_add_overflow(*ret_number, text->base[n] - '0', ret_number))
            *ret_number = UINT64_MAX;
    }
    *text = gw_slice_from(*text, n);
    return n > 0;
}

/* False: it is none. One that has no byte of the file is empty: last is before first. */
static bool read_range(struct gw_slice item, uint64_t file_bytes, struct range *ret_range)
{
    uint64_t first, last;
    bool has_first = take_digits(&item, &first);
    if (item.len == 0 || *item.base != '-')
        return false;
    item = gw_slice_from(item, 1);
    bool has_last = take_digits(&item, &last);
    if (item.len > 0 || (!has_first && !has_last))
        return false;
    if (!has_first) {
        first = last < file_bytes ? file_bytes - last : 0;
        has_last = false;
    }
    if (!has_last || last >= file_bytes)
        last = file_bytes - 1;
    *ret_range = first < file_bytes ? (struct range){first, last} : (struct range){1, 0};
    return true;
}

static bool overlaps(const struct range *ranges, size_t count, struct range range)
{
    for (size_t i = 0; i < count; i++) {
        bool is_empty = range.last < range.first || ranges[i].last < ranges[i].first;
        if (!is_empty && range.first <= ranges[i].last && ranges[i].first <= range.last)
            return true;
    }
    return false;
}

bool gw_byte_ranges_are_modest(struct gw_slice value, uint64_t file_bytes)
{
    struct range ranges[GW_BYTE_RANGES_MAX];
    size_t count = 0;
    if (value.len == 0 || memchr(value.base, ',', value.len) == NULL)
        return true;
    const char *equals = memchr(value.base, '=', value.len);
    if (equals == NULL)
        return false;
    value = gw_slice_from(value, (size_t)(equals + 1 - value.base));
    while (value.len > 0) {
        struct gw_slice item = next_item(&value);
        struct range range;
        if (item.len == 0)
            continue;
        if (count == GW_BYTE_RANGES_MAX || !read_range(item, file_bytes, &range) ||
            overlaps(ranges, count, range))
            return false;
        ranges[count++] = range;
    }
    return true;
}
