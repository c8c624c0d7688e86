#include "grpc/metadata.h"

#include "base/bytes.h"
#include "base/digits.h"
#include "base/encoding.h"

const struct gw_metadatum *gw_metadata_find(const struct gw_metadata *md, struct gw_slice name)
{
    for (size_t i = 0; i < md->count; i++) {
        if (gw_slice_eq(md->items[i].name, name))
            return &md->items[i];
    }
    return NULL;
}

static void grow(struct gw_metadata_store *store)
{
    store->capacity = store->capacity ? 2 * store->capacity : 8;
    struct gw_metadatum *items =
        h2o_mem_alloc_pool(store->pool, store->capacity * sizeof(*store->items));
    h2o_memcpy(items, store->items, store->count * sizeof(*store->items));
    store->items = items;
}

void gw_metadata_store_add(struct gw_metadata_store *store, struct gw_slice name,
                           struct gw_slice value)
{
    if (store->count == store->capacity)
        grow(store);
    /* Both in one piece: pool memory is rounded up. */
    char *bytes = h2o_mem_alloc_pool(store->pool, name.len + value.len);
    h2o_memcpy(bytes, name.base, name.len);
    h2o_memcpy(bytes + name.len, value.base, value.len);
    store->items[store->count++] = (struct gw_metadatum){
        gw_slice(bytes, name.len),
        gw_slice(bytes + name.len, value.len),
    };
    store->bytes += name.len + value.len + 32;
}

/* Header-Name of PROTOCOL-HTTP2.md. HTTP has more (RFC 9110 section 5.6.2), which gRPC's libraries
 * take or not, each in its own way. */
static const bool name_bytes[256] = {
    GW_BYTES_DIGITS, GW_BYTES_LOWER, ['-'] = 1, ['.'] = 1, ['_'] = 1,
};

/* What the transport writes by itself, what belongs to one hop (RFC 9110 section 7.6.1), and what
 * tells of a body as HTTP sees it: each hop frames messages anew. */
static const struct gw_slice reserved_names[] = {
    {"te", 2},
    {"host", 4},
    {"trailer", 7},
    {"upgrade", 7},
    {"connection", 10},
    {"keep-alive", 10},
    {"user-agent", 10},
    {"content-type", 12},
    {"http2-settings", 14},
    {"content-length", 14},
    {"accept-encoding", 15},
    {"content-encoding", 16},
    {"proxy-connection", 16},
    {"transfer-encoding", 17},
};

static bool is_one_of(struct gw_slice name, const struct gw_slice *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (gw_slice_eq(name, names[i]))
            return true;
    }
    return false;
}

static const struct gw_slice binary_suffix = GW_SLICE_INIT("-bin");

bool gw_metadata_is_binary(struct gw_slice name)
{
    return gw_slice_ends_with(name, binary_suffix);
}

static bool name_is_sound(struct gw_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!name_bytes[(unsigned char)name.base[i]])
            return false;
    }
    return name.len > 0 && !gw_slice_eq(name, binary_suffix);
}

static bool text_is_sound(struct gw_slice value)
{
    /* Peers reset a stream for space around a value (RFC 9113 section 8.2.1). */
    if (value.len > 0 && (value.base[0] == ' ' || value.base[value.len - 1] == ' '))
        return false;
    const uint64_t ones = UINT64_C(0x0101010101010101);
    size_t i = 0;
    for (; value.len - i >= 8; i += 8) { /* carries and borrows come from bytes that are not */
        uint64_t word;
        memcpy(&word, value.base + i, 8);
        if (((word | (word - ones * 0x20) | (word + ones)) & ones * 0x80) != 0)
            return false;
    }
    for (; i < value.len; i++) {
        if (value.base[i] < 0x20 || value.base[i] > 0x7e)
            return false;
    }
    return true;
}

bool gw_metadata_next_value(struct gw_slice *rest, struct gw_slice *ret_value)
{
    if (rest->base == NULL)
        return false;
    const char *comma = rest->len > 0 ? memchr(rest->base, ',', rest->len) : NULL;
    size_t length = comma != NULL ? (size_t)(comma - rest->base) : rest->len;
    *ret_value = gw_slice_trim(gw_slice(rest->base, length));
    *rest = comma != NULL ? gw_slice_from(*rest, length + 1) : gw_slice(NULL, 0);
    return true;
}

static bool binary_is_sound(struct gw_slice list)
{
    struct gw_slice value;
    while (gw_metadata_next_value(&list, &value)) {
        if (!gw_base64_is_canonical(value))
            return false;
    }
    return true;
}

static enum gw_metadata_fault check(struct gw_slice name, struct gw_slice value)
{
    if (!name_is_sound(name))
        return GW_METADATA_BAD_NAME;
    if (is_one_of(name, reserved_names, sizeof(reserved_names) / sizeof(*reserved_names)))
        return GW_METADATA_RESERVED;
    if (gw_metadata_is_binary(name))
        return binary_is_sound(value) ? GW_METADATA_SOUND : GW_METADATA_BAD_BINARY;
    return text_is_sound(value) ? GW_METADATA_SOUND : GW_METADATA_BAD_TEXT;
}

static bool is_grpcs_own(struct gw_slice name)
{
    return gw_slice_starts_with(name, GW_SLICE("grpc-"));
}

enum gw_metadata_fault gw_metadata_check(struct gw_slice name, struct gw_slice value)
{
    return is_grpcs_own(name) ? GW_METADATA_RESERVED : check(name, value);
}

enum gw_metadata_fault gw_metadata_check_end_to_end(struct gw_slice name, struct gw_slice value)
{
    static const struct gw_slice by_hop[] = {
        {"grpc-status", 11},
        {"grpc-timeout", 12},
        {"grpc-message", 12},
        {"grpc-status-details-bin", 23},
    };
    return is_grpcs_own(name) && is_one_of(name, by_hop, sizeof(by_hop) / sizeof(*by_hop))
               ? GW_METADATA_RESERVED
               : check(name, value);
}

const char *gw_metadata_fault_text(enum gw_metadata_fault fault)
{
    switch (fault) {
    case GW_METADATA_SOUND:
        return "nothing is wrong with it";
    case GW_METADATA_RESERVED:
        return "the name is not an application's to use";
    case GW_METADATA_BAD_NAME:
        return "the name has more than a-z, 0-9, '_', '-' and '.'";
    case GW_METADATA_BAD_TEXT:
        return "the value is not printable ASCII";
    case GW_METADATA_BAD_BINARY:
        return "the value is not base64, as names in -bin have it";
    }
    return "";
}

#define TIMEOUT_VALUE_MAX 99999999u

size_t gw_grpc_timeout_format(char out[16], uint64_t timeout_ms)
{
    static const struct {
        char name;
        uint64_t ms;
    } units[] = {{'m', 1}, {'S', 1000}, {'M', 60000}, {'H', 3600000}};

    size_t u = 0;
    while (u < 3 && timeout_ms > TIMEOUT_VALUE_MAX * units[u].ms)
        u++;
    uint64_t value = timeout_ms / units[u].ms + (timeout_ms % units[u].ms != 0);
    if (value > TIMEOUT_VALUE_MAX)
        value = TIMEOUT_VALUE_MAX;

    char *to = gw_digits_put(out, value);
    *to++ = units[u].name;
    return (size_t)(to - out);
}

static uint64_t unit_ns(char unit)
{
    switch (unit) {
    case 'H':
        return 3600000000000u;
    case 'M':
        return 60000000000u;
    case 'S':
        return 1000000000u;
    case 'm':
        return 1000000u;
    case 'u':
        return 1000u;
    case 'n':
        return 1;
    default:
        return 0;
    }
}

int gw_grpc_timeout_parse(struct gw_slice text, uint64_t *ret_timeout_ns)
{
    if (text.len < 2 || text.len > 9)
        return -1;
    uint64_t value = 0;
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.base[i] < '0' || text.base[i] > '9')
            return -1;
        value = value * 10 + (uint64_t)(text.base[i] - '0');
    }
    uint64_t ns = unit_ns(text.base[text.len - 1]);
    if (ns == 0)
        return -1;
    if (__builtin_mul_overflow(value, ns, ret_timeout_ns))
        *ret_timeout_ns = UINT64_MAX;
    return 0;
}
