/* A budget of events that a peer may cause for nothing: so many at once, and so many a second. */
#ifndef GW_BASE_BUDGET_H
#define GW_BASE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct gw_budget {
    uint32_t capacity;
    uint32_t per_second; /* at least 1 */
    uint32_t left;
    uint64_t filled_ms;
};

static inline void gw_budget_init(struct gw_budget *b, uint32_t capacity, uint32_t per_second,
                                  uint64_t now_ms)
{
    *b = (struct gw_budget){capacity, per_second > 0 ? per_second : 1, capacity, now_ms};
}

static inline void gw_budget_earn(struct gw_budget *b, uint64_t n)
{
    b->left = n < b->capacity - b->left ? b->left + (uint32_t)n : b->capacity;
}

/* False: fewer than n are left. */
static inline bool gw_budget_take(struct gw_budget *b, uint64_t n, uint64_t now_ms)
{
    uint64_t earned = (now_ms - b->filled_ms) * b->per_second / 1000;
    if (earned > 0) {
        gw_budget_earn(b, earned);
        b->filled_ms = now_ms;
    }
    if (b->left < n)
        return false;
    b->left -= (uint32_t)n;
    return true;
}

/* False: it is used up. */
static inline bool gw_budget_spend(struct gw_budget *b, uint64_t now_ms)
{
    return gw_budget_take(b, 1, now_ms);
}

#endif
