#include "base/nearest.h"

#include <stdio.h>

#define MAX_LENGTH 200

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* Insertions, deletions, replacements and swaps of neighbours (optimal string alignment); another
 * case of a letter is no difference. Both are at most MAX_LENGTH long. */
static unsigned distance(struct gw_slice a, struct gw_slice b)
{
    unsigned rows[3][MAX_LENGTH + 1];
    unsigned *before = rows[0], *above = rows[1], *row = rows[2];
    for (unsigned k = 0; k <= b.len; k++)
        above[k] = k;
    for (unsigned i = 1; i <= a.len; i++) {
        row[0] = i;
        for (unsigned k = 1; k <= b.len; k++) {
            char x = lower(a.base[i - 1]), y = lower(b.base[k - 1]);
            row[k] = min3(above[k] + 1, row[k - 1] + 1, above[k - 1] + (x != y));
            if (i > 1 && k > 1 && x == lower(b.base[k - 2]) && y == lower(a.base[i - 2]) &&
                before[k - 2] + 1 < row[k])
                row[k] = before[k - 2] + 1;
        }
        unsigned *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b.len];
}

void gw_nearest_begin(struct gw_nearest_search *search, struct gw_slice name)
{
    *search = (struct gw_nearest_search){.name = name};
    /* A third of the letters may be wrong; with more, it is another word. */
    if (name.len <= MAX_LENGTH)
        search->distance = (unsigned)(name.len + 2) / 3 + 1;
}

void gw_nearest_offer(struct gw_nearest_search *search, struct gw_slice candidate)
{
    struct gw_slice name = search->name;
    if (search->distance == 0 || candidate.len > MAX_LENGTH ||
        candidate.len + search->distance <= name.len ||
        name.len + search->distance <= candidate.len)
        return;
    unsigned d = distance(name, candidate);
    if (d < search->distance) {
        search->distance = d;
        search->found = candidate;
    }
}

const char *gw_nearest_hint(const struct gw_nearest_search *search, char *out, size_t size)
{
    out[0] = '\0';
    if (search->found.base != NULL)
        snprintf(out, size, "; did you mean \"%.*s\"?", GW_SLICE_ARG(search->found));
    return out;
}

const char *gw_nearest(char *out, size_t size, struct gw_slice name, const char *const *candidates,
                       size_t count)
{
    struct gw_nearest_search search;
    gw_nearest_begin(&search, name);
    for (size_t i = 0; i < count; i++)
        gw_nearest_offer(&search, gw_slice_str(candidates[i]));
    return gw_nearest_hint(&search, out, size);
}
