#include "frontend/request_memory.h"

#include <stdbool.h>

#define STEP GW_REQUEST_MEMORY_STEP_BYTES

static uint64_t whole_steps(uint64_t bytes)
{
    return bytes / STEP * STEP;
}

static bool take(struct gw_request_memory *memory, uint64_t bytes)
{
    uint64_t wanted = memory->held_bytes + bytes;
    if (wanted > memory->taken_bytes) {
        struct gw_request_memory_total *total = memory->total;
        uint64_t more = whole_steps(wanted - memory->taken_bytes + STEP - 1);
        if (__atomic_add_fetch(&total->taken_bytes, more, __ATOMIC_RELAXED) > total->most_bytes) {
            __atomic_sub_fetch(&total->taken_bytes, more, __ATOMIC_RELAXED);
            return false;
        }
        memory->taken_bytes += more;
    }
    memory->held_bytes = wanted;
    return true;
}

static void give_back(struct gw_request_memory *memory, uint64_t bytes)
{
    memory->held_bytes -= bytes;
    uint64_t spare = memory->taken_bytes - memory->held_bytes;
    if (spare <= 2 * STEP)
        return;
    uint64_t less = whole_steps(spare - STEP);
    memory->taken_bytes -= less;
    __atomic_sub_fetch(&memory->total->taken_bytes, less, __ATOMIC_RELAXED);
}

enum gw_request_memory_outcome gw_request_memory_resize(struct gw_request_memory_account *account,
                                                        size_t *held, size_t bytes)
{
    struct gw_request_memory *memory = account->memory;
    if (bytes <= *held) {
        account->held_bytes -= *held - bytes;
        give_back(memory, *held - bytes);
    } else {
        uint64_t more = bytes - *held;
        if (account->held_bytes + more > memory->most_bytes_per_connection)
            return GW_REQUEST_MEMORY_OVER_CONNECTION;
        if (!take(memory, more))
            return GW_REQUEST_MEMORY_OVER_TOTAL;
        account->held_bytes += more;
    }
    *held = bytes;
    return GW_REQUEST_MEMORY_FITS;
}

enum gw_request_memory_outcome gw_request_memory_resize_free(struct gw_request_memory *memory,
                                                             size_t *held, size_t bytes)
{
    if (bytes < *held)
        give_back(memory, *held - bytes);
    else if (bytes > *held && !take(memory, bytes - *held))
        return GW_REQUEST_MEMORY_OVER_TOTAL;
    *held = bytes;
    return GW_REQUEST_MEMORY_FITS;
}

void gw_request_memory_charge(struct gw_request_memory *memory, size_t *held, size_t bytes)
{
    if (gw_request_memory_resize_free(memory, held, bytes) == GW_REQUEST_MEMORY_FITS)
        return;
    uint64_t wanted = memory->held_bytes + (bytes - *held);
    uint64_t more = whole_steps(wanted - memory->taken_bytes + STEP - 1);
    __atomic_add_fetch(&memory->total->taken_bytes, more, __ATOMIC_RELAXED);
    memory->taken_bytes += more;
    memory->held_bytes = wanted;
    *held = bytes;
}

enum gw_limit gw_request_memory_limit(enum gw_request_memory_outcome outcome)
{
    return outcome == GW_REQUEST_MEMORY_OVER_TOTAL ? GW_LIMIT_REQUEST_MEMORY
                                                   : GW_LIMIT_REQUEST_MEMORY_PER_CONNECTION;
}
