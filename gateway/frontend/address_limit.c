#include "frontend/address_limit.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"

struct entry {
    struct entry *next;
    uint64_t key[2];
    uint32_t count; /* at least 1 */
};

struct gw_address_limit {
    uint32_t most;
    uint64_t secret; /* so that nobody can choose addresses that share a bucket */
    size_t mask;
    pthread_mutex_t mutex;
    struct entry *buckets[];
};

#define BUCKETS_MIN 64
#define BUCKETS_MAX 65536

struct gw_address_limit *gw_address_limit_create(uint32_t most, uint32_t connections)
{
    size_t count = BUCKETS_MIN;
    while (count < connections && count < BUCKETS_MAX)
        count *= 2;
    struct gw_address_limit *limit = gw_alloc(sizeof(*limit) + count * sizeof(struct entry *));
    limit->most = most;
    limit->secret = gw_random_u64();
    limit->mask = count - 1;
    pthread_mutex_init(&limit->mutex, NULL);
    return limit;
}

void gw_address_limit_destroy(struct gw_address_limit *limit)
{
    if (limit == NULL)
        return;
    for (size_t i = 0; i <= limit->mask; i++) {
        for (struct entry *entry = limit->buckets[i], *next; entry != NULL; entry = next) {
            next = entry->next;
            free(entry);
        }
    }
    pthread_mutex_destroy(&limit->mutex);
    free(limit);
}

static void make_key(const struct gw_peer *peer, uint64_t key[2])
{
    memcpy(key, peer->address, GW_ADDRESS_BYTES);
    bool is_v4 = key[0] == 0 && peer->address[10] == 0xff && peer->address[11] == 0xff;
    if (!is_v4)
        key[1] = 0;
}

/* The finalizer of MurmurHash3, over both halves. */
static uint64_t mix(uint64_t h)
{
    h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 33;
}

/* Where the pointer to the entry stands, or would. */
static struct entry **find(struct gw_address_limit *limit, const uint64_t key[2])
{
    uint64_t hash = mix(mix(key[0] ^ limit->secret) ^ key[1]);
    struct entry **at = &limit->buckets[hash & limit->mask];
    while (*at != NULL && ((*at)->key[0] != key[0] || (*at)->key[1] != key[1]))
        at = &(*at)->next;
    return at;
}

static bool has_limit(const struct gw_address_limit *limit, const struct gw_peer *peer)
{
    return limit != NULL && !peer->is_trusted_proxy;
}

bool gw_address_limit_enter(struct gw_address_limit *limit, const struct gw_peer *peer)
{
    if (!has_limit(limit, peer))
        return true;
    uint64_t key[2];
    make_key(peer, key);
    pthread_mutex_lock(&limit->mutex);
    struct entry **at = find(limit, key);
    if (*at == NULL) {
        *at = gw_alloc(sizeof(**at));
        memcpy((*at)->key, key, sizeof(key));
    }
    bool fits = (*at)->count < limit->most;
    (*at)->count += fits;
    pthread_mutex_unlock(&limit->mutex);
    return fits;
}

void gw_address_limit_leave(struct gw_address_limit *limit, const struct gw_peer *peer)
{
    if (!has_limit(limit, peer))
        return;
    uint64_t key[2];
    make_key(peer, key);
    pthread_mutex_lock(&limit->mutex);
    struct entry **at = find(limit, key), *entry = *at;
    if (--entry->count == 0) {
        *at = entry->next;
        free(entry);
    }
    pthread_mutex_unlock(&limit->mutex);
}
