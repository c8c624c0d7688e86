#include "trace/trace.h"

#include "base/encoding.h"
#include "base/random.h"
#include "trace/tracestate.h"

/* Whether the caller wants the trace recorded. */
enum decision { NOT_DECIDED, DENIED, ACCEPTED, DEBUG };

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_lower_hex(struct gw_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_hex(s.base[i]))
            return false;
    }
    return true;
}

/* Lower-case digits, of which one at least is not 0. */
static bool is_id(struct gw_slice s, size_t digits)
{
    if (s.len != digits || !is_lower_hex(s))
        return false;
    size_t i = 0;
    while (i < s.len && s.base[i] == '0')
        i++;
    return i < s.len;
}

static bool is_trace_id(struct gw_slice s)
{
    return is_id(s, 32) || is_id(s, 16);
}

/* Of 16 or 32 digits; the shorter ones get zeros in front. */
static void set_trace_id(struct gw_trace *trace, struct gw_slice id)
{
    memset(trace->trace_id, '0', 32 - id.len);
    memcpy(trace->trace_id + 32 - id.len, id.base, id.len);
    trace->trace_id[32] = '\0';
}

static void set_parent_id(struct gw_trace *trace, struct gw_slice id)
{
    memcpy(trace->parent_id, id.base, 16);
    trace->parent_id[16] = '\0';
}

/* Each reader sets trace_id and parent_id and returns true if its headers name a trace. What it
 * learns about sampling stands in *decision, also without a trace. */

/* VERSION-TRACE-PARENT-FLAGS; later versions may append "-" and more (section 4.3). */
static bool read_w3c(struct gw_trace *trace, const struct gw_trace_headers *h,
                     enum decision *decision)
{
    struct gw_slice s = gw_slice_trim(h->traceparent);
    if (s.len < 55)
        return false;
    struct gw_slice version = gw_slice(s.base, 2), trace_id = gw_slice(s.base + 3, 32);
    struct gw_slice parent_id = gw_slice(s.base + 36, 16), flags = gw_slice(s.base + 53, 2);
    if (s.base[2] != '-' || s.base[35] != '-' || s.base[52] != '-')
        return false;
    if (!is_lower_hex(version) || !is_lower_hex(flags) || gw_slice_eq(version, GW_SLICE("ff")))
        return false;
    if (s.len > 55 && (gw_slice_eq(version, GW_SLICE("00")) || s.base[55] != '-'))
        return false;
    if (!is_id(trace_id, 32) || !is_id(parent_id, 16))
        return false;
    set_trace_id(trace, trace_id);
    set_parent_id(trace, parent_id);
    uint8_t bits;
    gw_hex_decode(&bits, 1, flags);
    *decision = bits & 1 ? ACCEPTED : DENIED;
    trace->tracestate = gw_tracestate_check(h->tracestate);
    return true;
}

static enum decision decision_of_b3(struct gw_slice state)
{
    if (state.len != 1)
        return NOT_DECIDED;
    switch (state.base[0]) {
    case '0':
        return DENIED;
    case '1':
        return ACCEPTED;
    case 'd':
        return DEBUG;
    default:
        return NOT_DECIDED;
    }
}

/* Cuts the part up to the next '-' off the front. */
static struct gw_slice next_part(struct gw_slice *s)
{
    const char *dash = s->len > 0 ? memchr(s->base, '-', s->len) : NULL;
    struct gw_slice part = gw_slice(s->base, dash != NULL ? (size_t)(dash - s->base) : s->len);
    *s = dash != NULL ? gw_slice_from(*s, part.len + 1) : gw_slice(NULL, 0);
    return part;
}

/* TRACE-SPAN[-STATE[-PARENT]], or STATE alone. */
static bool read_b3(struct gw_trace *trace, const struct gw_trace_headers *h,
                    enum decision *decision)
{
    struct gw_slice s = gw_slice_trim(h->b3);
    if (s.len <= 1) {
        *decision = decision_of_b3(s);
        return false;
    }
    bool has_state, has_parent;
    struct gw_slice trace_id = next_part(&s), span_id = next_part(&s);
    has_state = s.base != NULL;
    struct gw_slice state = next_part(&s);
    has_parent = s.base != NULL;
    if (!is_trace_id(trace_id) || !is_id(span_id, 16) || (has_parent && !is_id(s, 16)) ||
        (has_state && decision_of_b3(state) == NOT_DECIDED))
        return false;
    set_trace_id(trace, trace_id);
    set_parent_id(trace, span_id);
    *decision = decision_of_b3(state);
    return true;
}

static bool read_x_b3(struct gw_trace *trace, const struct gw_trace_headers *h,
                      enum decision *decision)
{
    struct gw_slice sampled = gw_slice_trim(h->x_b3_sampled);
    if (gw_slice_eq(gw_slice_trim(h->x_b3_flags), GW_SLICE("1")))
        *decision = DEBUG;
    else if (gw_slice_eq(sampled, GW_SLICE("1")) || gw_slice_eq(sampled, GW_SLICE("true")))
        *decision = ACCEPTED;
    else if (gw_slice_eq(sampled, GW_SLICE("0")) || gw_slice_eq(sampled, GW_SLICE("false")))
        *decision = DENIED;
    struct gw_slice trace_id = gw_slice_trim(h->x_b3_traceid);
    struct gw_slice span_id = gw_slice_trim(h->x_b3_spanid);
    if (!is_trace_id(trace_id) || !is_id(span_id, 16))
        return false;
    set_trace_id(trace, trace_id);
    set_parent_id(trace, span_id);
    return true;
}

/* FNV-1a of 128 bits (http://www.isthe.com/chongo/tech/comp/fnv/). */
static void hash_trace_id(struct gw_trace *trace, struct gw_slice text)
{
    __uint128_t hash = (__uint128_t)0x6c62272e07bb0142u << 64 | 0x62b821756295c58du;
    const __uint128_t prime = (__uint128_t)1 << 88 | 0x13b;
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.base[i]) * prime;
    if (hash == 0)
        hash = 1;
    uint8_t bytes[16];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(hash >> (120 - 8 * i));
    gw_hex_encode(trace->trace_id, bytes, sizeof(bytes));
    trace->trace_id[32] = '\0';
}

/* A copy in lower case, where it fits. */
static struct gw_slice to_lower(char out[32], struct gw_slice s)
{
    if (s.len > 32)
        return gw_slice(NULL, 0);
    for (size_t i = 0; i < s.len; i++)
        out[i] = (char)(s.base[i] >= 'A' && s.base[i] <= 'Z' ? s.base[i] + ('a' - 'A') : s.base[i]);
    return gw_slice(out, s.len);
}

#define X_TRACE_ID_MAX 128

static bool is_visible(struct gw_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.base[i] < '!' || s.base[i] > '~')
            return false;
    }
    return true;
}

static bool read_x(struct gw_trace *trace, const struct gw_trace_headers *h)
{
    struct gw_slice id = gw_slice_trim(h->x_trace_id);
    if (id.len == 0 || id.len > X_TRACE_ID_MAX || !is_visible(id))
        return false;
    trace->x_trace_id = id;
    char trace_digits[32], span_digits[32];
    struct gw_slice trace_id = to_lower(trace_digits, id);
    if (is_trace_id(trace_id))
        set_trace_id(trace, trace_id);
    else
        hash_trace_id(trace, id);
    struct gw_slice parent = to_lower(span_digits, gw_slice_trim(h->x_span_id));
    if (!is_id(parent, 16))
        parent = to_lower(span_digits, gw_slice_trim(h->x_parent_id));
    if (is_id(parent, 16))
        set_parent_id(trace, parent);
    return true;
}

static bool read_any(struct gw_trace *trace, const struct gw_trace_headers *h, unsigned forms,
                     enum decision *decision)
{
    if (forms & GW_TRACE_W3C && h->traceparent.len > 0 && read_w3c(trace, h, decision))
        return true;
    if (forms & GW_TRACE_B3 && (read_b3(trace, h, decision) || read_x_b3(trace, h, decision)))
        return true;
    return forms & GW_TRACE_X && read_x(trace, h);
}

/* 64 or 128 bits, not all 0. */
static void make_id(char *out, size_t bytes)
{
    uint64_t words[2] = {0};
    while (words[0] == 0)
        gw_random_bytes(words, bytes);
    gw_hex_encode(out, (const uint8_t *)words, bytes);
    out[2 * bytes] = '\0';
}

static bool take_sample(double sample)
{
    /* 53 bits are what a double holds. */
    return (double)(gw_random_u64() >> 11) < sample * (double)(UINT64_C(1) << 53);
}

void gw_trace_begin(struct gw_trace *trace, const struct gw_trace_headers *headers, unsigned forms,
                    double sample)
{
    enum decision decision = NOT_DECIDED;
    trace->parent_id[0] = '\0';
    trace->tracestate = trace->x_trace_id = gw_slice(NULL, 0);
    if (!read_any(trace, headers, forms, &decision))
        make_id(trace->trace_id, 16);
    make_id(trace->span_id, 8);
    trace->sampled = decision == NOT_DECIDED ? take_sample(sample) : decision != DENIED;
    trace->debug = decision == DEBUG;
    if (trace->x_trace_id.len == 0)
        trace->x_trace_id = gw_slice(trace->trace_id, 32);
}

static char *put(char *to, const char *text, size_t len)
{
    memcpy(to, text, len);
    return to + len;
}

#define TRACEPARENT_LENGTH 55
#define B3_LENGTH 68

static struct gw_slice make_traceparent(const struct gw_trace *trace, gw_pool *pool)
{
    char *text = h2o_mem_alloc_pool(pool, TRACEPARENT_LENGTH), *to = text;
    to = put(to, "00-", 3);
    to = put(to, trace->trace_id, 32);
    to = put(to, "-", 1);
    to = put(to, trace->span_id, 16);
    to = put(to, trace->sampled ? "-01" : "-00", 3);
    return gw_slice(text, (size_t)(to - text));
}

static struct gw_slice make_b3(const struct gw_trace *trace, gw_pool *pool)
{
    char *text = h2o_mem_alloc_pool(pool, B3_LENGTH), *to = text;
    to = put(to, trace->trace_id, 32);
    to = put(to, "-", 1);
    to = put(to, trace->span_id, 16);
    to = put(to, trace->debug ? "-d" : trace->sampled ? "-1" : "-0", 2);
    if (trace->parent_id[0] != '\0') {
        to = put(to, "-", 1);
        to = put(to, trace->parent_id, 16);
    }
    return gw_slice(text, (size_t)(to - text));
}

size_t gw_trace_inject(const struct gw_trace *trace, unsigned forms, gw_pool *pool,
                       struct gw_trace_header out[GW_TRACE_INJECT_MAX])
{
    size_t n = 0;
    if (forms & GW_TRACE_W3C) {
        out[n++] = (struct gw_trace_header){GW_SLICE("traceparent"), make_traceparent(trace, pool)};
        if (trace->tracestate.len > 0)
            out[n++] = (struct gw_trace_header){GW_SLICE("tracestate"), trace->tracestate};
    }
    if (forms & GW_TRACE_B3)
        out[n++] = (struct gw_trace_header){GW_SLICE("b3"), make_b3(trace, pool)};
    if (forms & GW_TRACE_X) {
        out[n++] = (struct gw_trace_header){GW_SLICE("x-trace-id"), trace->x_trace_id};
        out[n++] = (struct gw_trace_header){GW_SLICE("x-span-id"), gw_slice(trace->span_id, 16)};
        if (trace->parent_id[0] != '\0')
            out[n++] =
                (struct gw_trace_header){GW_SLICE("x-parent-id"), gw_slice(trace->parent_id, 16)};
    }
    return n;
}
