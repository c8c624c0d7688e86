#include "frontend/http1_chunks.h"

#include "base/encoding.h"

#define SIZE_DIGITS_MAX 16

/* What is expected next. */
enum state {
    SIZE,
    BLANK, /* behind the size */
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER, /* or the empty line that ends the body */
    NAME,
    VALUE,
    VALUE_LF,
    END_LF,
    END,
    REFUSED,
    TOO_LARGE,
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_text(char c)
{
    return c == '\t' || ((unsigned char)c >= ' ' && c != 0x7f);
}

static bool is_name(char c)
{
    return gw_http_is_token(gw_slice(&c, 1));
}

static enum state expect(bool is_there, enum state then)
{
    return is_there ? then : REFUSED;
}

static enum state after_size(char c)
{
    return c == '\r' ? SIZE_LF : is_blank(c) ? BLANK : expect(c == ';', EXTENSION);
}

static enum state take_digit(struct gw_http1_chunks *chunks, char c)
{
    int value = gw_hex_value(c);
    if (value < 0)
        return chunks->digits > 0 ? after_size(c) : REFUSED;
    chunks->size = chunks->size << 4 | (unsigned)value;
    return expect(chunks->digits++ < SIZE_DIGITS_MAX, SIZE);
}

static enum state end_line(struct gw_http1_chunks *chunks, char c)
{
    chunks->digits = 0;
    if (__builtin_add_overflow(chunks->total_bytes, chunks->size, &chunks->total_bytes))
        chunks->total_bytes = UINT64_MAX;
    if (c == '\n' && chunks->limit_bytes > 0 && chunks->total_bytes > chunks->limit_bytes)
        return TOO_LARGE;
    return expect(c == '\n', chunks->size > 0 ? DATA : TRAILER);
}

static enum state take_extra(struct gw_http1_chunks *chunks, char c)
{
    if (chunks->extra_bytes++ >= GW_HTTP1_CHUNK_EXTRA_MAX)
        return REFUSED;
    switch (chunks->state) {
    case BLANK:
        return after_size(c);
    case EXTENSION:
        return c == '\r' ? SIZE_LF : expect(is_text(c), EXTENSION);
    case TRAILER:
        return c == '\r' ? END_LF : expect(is_name(c), NAME);
    case NAME:
        return c == ':' ? VALUE : expect(is_name(c), NAME);
    default:
        return c == '\r' ? VALUE_LF : expect(is_text(c), VALUE);
    }
}

static enum state take(struct gw_http1_chunks *chunks, char c)
{
    switch (chunks->state) {
    case SIZE:
        return take_digit(chunks, c);
    case SIZE_LF:
        return end_line(chunks, c);
    case DATA_CR:
        return expect(c == '\r', DATA_LF);
    case DATA_LF:
        return expect(c == '\n', SIZE);
    case VALUE_LF:
        return expect(c == '\n', TRAILER);
    case END_LF:
        return expect(c == '\n', END);
    default:
        return take_extra(chunks, c);
    }
}

static size_t pass_data(struct gw_http1_chunks *chunks, size_t available)
{
    size_t bytes = available < chunks->size ? available : (size_t)chunks->size;
    chunks->size -= bytes;
    if (chunks->size == 0)
        chunks->state = DATA_CR;
    return bytes;
}

enum gw_http1_outcome gw_http1_chunks_check(struct gw_http1_chunks *chunks, struct gw_slice bytes,
                                            size_t *ret_used)
{
    size_t used = 0;
    while (used < bytes.len && chunks->state < END) {
        if (chunks->state == DATA)
            used += pass_data(chunks, bytes.len - used);
        else
            chunks->state = take(chunks, bytes.base[used++]);
    }
    if (chunks->state > END)
        return chunks->state == REFUSED ? GW_HTTP1_REFUSED : GW_HTTP1_TOO_LARGE;
    *ret_used = used;
    return chunks->state == END ? GW_HTTP1_SOUND : GW_HTTP1_INCOMPLETE;
}
