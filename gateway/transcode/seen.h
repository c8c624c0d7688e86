/* Which fields, and behind them which oneofs, of a message have been there. */
#ifndef GW_TRANSCODE_SEEN_H
#define GW_TRANSCODE_SEEN_H

#include "base/mem.h"
#include "schema/schema.h"

struct gw_seen {
    uint64_t *bits; /* `few` where that is enough */
    uint64_t few[4];
};

static inline void gw_seen_init(struct gw_seen *seen, const struct gw_message_type *type,
                                gw_pool *pool)
{
    size_t words = (type->field_count + type->oneof_count + 63) / 64;
    *seen = (struct gw_seen){.bits = seen->few};
    if (words > sizeof(seen->few) / sizeof(*seen->few)) {
        seen->bits = h2o_mem_alloc_pool(pool, words * sizeof(*seen->bits));
        memset(seen->bits, 0, words * sizeof(*seen->bits));
    }
}

/* On its bits: */

static inline bool gw_seen_has(const uint64_t *seen, uint32_t bit)
{
    return (seen[bit / 64] >> bit % 64 & 1) != 0;
}

/* Returns whether it was there before. */
static inline bool gw_seen_add(uint64_t *seen, uint32_t bit)
{
    bool was_there = gw_seen_has(seen, bit);
    seen[bit / 64] |= UINT64_C(1) << bit % 64;
    return was_there;
}

/* The same for the oneof that a field is of. */
static inline bool gw_seen_add_oneof(uint64_t *seen, const struct gw_message_type *type,
                                     const struct gw_field *field)
{
    return field->oneof >= 0 && gw_seen_add(seen, type->field_count + (uint32_t)field->oneof);
}

#endif
