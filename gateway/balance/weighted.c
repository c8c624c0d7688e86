/* Each eligible endpoint in proportion to its weight, spread as evenly as can be.
 *
 * R. Tijdeman, "The chairman assignment problem", Discrete Mathematics 32 (1980): n chairs with
 * shares s1 + ... + sn = 1 can be filled one a slot so that after any number t of slots the picks
 * of each differ from t * s by at most 1 - d, where d = 1 / (2n - 2). Hence a window of slots for
 * the k-th pick of an endpoint: it may not come before slot (k - 1 + d) / s, or the endpoint had
 * too many, and not after slot (k - d) / s + 1, or it had too few. Of the picks that may come, the
 * one that must come soonest is taken.
 *
 * A pick waits in one heap for its window to open, then in another, by deadline. Windows move on by
 * 1 / s, a whole number and a fraction: a pick is a few additions and comparisons, O(log n). */
#include <math.h>
#include <stdlib.h>

#include "balance/eligible.h"
#include "balance/strategies.h"
#include "base/mem.h"

/* whole + part / denominator, of a denominator known elsewhere. */
struct slots {
    int64_t whole;
    int64_t part; /* 0 .. denominator - 1 */
};

struct member {
    struct slots opens, closes; /* of the next pick; in whole slots from ceil(opens) to
                                   floor(closes) + 1 */
    struct slots period;
    int64_t denominator;
    uint64_t picks; /* since the last change of endpoints */
    uint32_t rank;  /* the lower goes first where nothing else decides; starts elsewhere in each
                       worker */
};

struct heap_entry {
    int64_t slot;
    uint32_t rank;
    uint32_t member;
};

/* The entry of the lowest slot, then rank, is entries[0]. */
struct heap {
    struct heap_entry *entries;
    size_t count;
};

struct weighted {
    struct gw_balancer super;
    struct gw_eligible eligible;
    double *credits;            /* picks owed to each endpoint at the last change, mostly -1 to 1 */
    struct member *members;     /* one for each of eligible.items */
    struct heap waiting, ready; /* by opens, by closes */
    int64_t slot;               /* picks since the last change of endpoints */
    double total_weight;
    size_t first; /* the endpoint of rank 0, or just before it */
};

static bool goes_before(const struct heap_entry *a, const struct heap_entry *b)
{
    return a->slot != b->slot ? a->slot < b->slot : a->rank < b->rank;
}

static void heap_push(struct heap *heap, struct heap_entry entry)
{
    size_t at = heap->count++;
    for (; at > 0 && goes_before(&entry, &heap->entries[(at - 1) / 2]); at = (at - 1) / 2)
        heap->entries[at] = heap->entries[(at - 1) / 2];
    heap->entries[at] = entry;
}

static struct heap_entry heap_pop(struct heap *heap)
{
    struct heap_entry top = heap->entries[0], last = heap->entries[--heap->count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < heap->count; at = child) {
        if (child + 1 < heap->count &&
            goes_before(&heap->entries[child + 1], &heap->entries[child]))
            child++;
        if (!goes_before(&heap->entries[child], &last))
            break;
        heap->entries[at] = heap->entries[child];
    }
    heap->entries[at] = last;
    return top;
}

static void wait_for_window(struct weighted *self, uint32_t member)
{
    const struct member *m = &self->members[member];
    heap_push(&self->waiting,
              (struct heap_entry){m->opens.whole + (m->opens.part > 0), m->rank, member});
}

static void get_ready(struct weighted *self, uint32_t member)
{
    const struct member *m = &self->members[member];
    heap_push(&self->ready, (struct heap_entry){m->closes.whole + 1, m->rank, member});
}

static void advance(struct slots *s, const struct slots *by, int64_t denominator)
{
    s->whole += by->whole;
    s->part += by->part;
    if (s->part >= denominator) {
        s->part -= denominator;
        s->whole++;
    }
}

static int pick_scheduled(struct weighted *self)
{
    self->slot++;
    while (self->waiting.count > 0 && self->waiting.entries[0].slot <= self->slot)
        get_ready(self, heap_pop(&self->waiting).member);
    /* Every slot has somebody ready, but for a few after a change of endpoints. */
    if (self->ready.count == 0)
        get_ready(self, heap_pop(&self->waiting).member);
    uint32_t picked = heap_pop(&self->ready).member;
    struct member *m = &self->members[picked];
    m->picks++;
    advance(&m->opens, &m->period, m->denominator);
    advance(&m->closes, &m->period, m->denominator);
    wait_for_window(self, picked);
    return (int)self->eligible.items[picked].endpoint;
}

static int pick(struct gw_balancer *super, const struct gw_pick *pick)
{
    struct weighted *self = (struct weighted *)super;
    if (self->eligible.count == 0)
        return GW_BALANCER_NONE;
    if (gw_eligible_is_retry(&self->eligible, pick))
        return gw_eligible_pick_retry(&self->eligible, pick);
    return pick_scheduled(self);
}

static struct slots divide(int64_t numerator, int64_t denominator)
{
    struct slots s = {numerator / denominator, numerator % denominator};
    if (s.part < 0) {
        s.whole--;
        s.part += denominator;
    }
    return s;
}

static void start_member(struct weighted *self, uint32_t member, int64_t total_weight)
{
    struct member *m = &self->members[member];
    const struct gw_eligible_item *item = &self->eligible.items[member];
    int64_t n = (int64_t)self->eligible.count, weight = item->weight;
    int64_t scale = n > 1 ? 2 * n - 2 : 2; /* 1 / d */
    m->denominator = scale * weight;
    m->period = (struct slots){total_weight / weight, total_weight % weight * scale};
    /* With credit c the first window is that around (d - c) / s and (1 - d - c) / s. */
    int64_t credit = llround(self->credits[item->endpoint] * (double)total_weight * (double)scale);
    m->opens = divide(total_weight - credit, m->denominator);
    m->closes = divide((scale - 1) * total_weight - credit, m->denominator);
    wait_for_window(self, member);
}

static void start_schedule(struct weighted *self, const struct gw_balancer_endpoint *endpoints,
                           size_t count)
{
    gw_eligible_set(&self->eligible, endpoints, count, true);
    size_t n = self->eligible.count;
    int64_t total_weight = 0;
    for (size_t i = 0; i < n; i++)
        total_weight += self->eligible.items[i].weight;
    self->total_weight = (double)total_weight;
    self->slot = 0;
    self->members = gw_alloc(n * sizeof(*self->members));
    self->waiting = (struct heap){gw_alloc(n * sizeof(struct heap_entry)), 0};
    self->ready = (struct heap){gw_alloc(n * sizeof(struct heap_entry)), 0};
    size_t first = gw_eligible_from(&self->eligible, self->first);
    for (size_t i = 0; i < n; i++) {
        self->members[i].rank = (uint32_t)(i >= first ? i - first : i + n - first);
        start_member(self, (uint32_t)i, total_weight);
    }
}

static void stop_schedule(struct weighted *self)
{
    for (size_t i = 0; i < self->eligible.count; i++) {
        const struct gw_eligible_item *item = &self->eligible.items[i];
        self->credits[item->endpoint] +=
            (double)self->slot * item->weight / self->total_weight - (double)self->members[i].picks;
    }
    free(self->members);
    free(self->waiting.entries);
    free(self->ready.entries);
}

static struct gw_balancer *create(const struct gw_balancer_endpoint *endpoints, size_t count,
                                  size_t first)
{
    struct weighted *self = gw_alloc(sizeof(*self));
    self->super.ops = &gw_weighted;
    self->first = first;
    self->credits = gw_alloc(count * sizeof(*self->credits));
    start_schedule(self, endpoints, count);
    return &self->super;
}

/* An endpoint keeps what it is owed also while it is not eligible: otherwise those of little weight
 * would wait anew at each change, and one that comes and goes would win or lose each time. */
static void endpoints_changed(struct gw_balancer *super,
                              const struct gw_balancer_endpoint *endpoints, size_t count)
{
    struct weighted *self = (struct weighted *)super;
    bool same = count == self->eligible.endpoint_count;
    stop_schedule(self);
    if (!same) {
        free(self->credits);
        self->credits = gw_alloc(count * sizeof(*self->credits));
    }
    start_schedule(self, endpoints, count);
}

static void destroy(struct gw_balancer *super)
{
    struct weighted *self = (struct weighted *)super;
    stop_schedule(self);
    gw_eligible_dispose(&self->eligible);
    free(self->credits);
    free(self);
}

const struct gw_balancer_ops gw_weighted = {
    .name = "weighted",
    .create = create,
    .pick = pick,
    .endpoints_changed = endpoints_changed,
    .destroy = destroy,
};
