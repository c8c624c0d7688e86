#include "frontend/http1_head.h"

#include <stdint.h>

#include "base/bytes.h"
#include "frontend/hop_headers.h"
#include "frontend/http_target.h"

struct head {
    struct gw_slice rest;
    bool is_1_1, has_space_behind;
    size_t hosts, content_lengths, transfer_encodings, hop_headers, headers;
    const char *fault;
};

/* RFC 9110 section 5.6.2. */
static const bool is_token_byte[256] = {
    GW_BYTES_DIGITS, GW_BYTES_LOWER, GW_BYTES_UPPER, ['!'] = 1, ['#'] = 1, ['$'] = 1,
    ['%'] = 1,       ['&'] = 1,      ['\''] = 1,     ['*'] = 1, ['+'] = 1, ['-'] = 1,
    ['.'] = 1,       ['^'] = 1,      ['_'] = 1,      ['`'] = 1, ['|'] = 1, ['~'] = 1,
};

bool gw_http_is_token(struct gw_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_token_byte[(unsigned char)s.base[i]])
            return false;
    }
    return s.len > 0;
}

/* Whether one of the eight bytes is below `least` (at most 0x80), or DEL. */
static bool has_control(uint64_t word, unsigned char least)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t del = word ^ ones * 0x7f;
    return (((word - ones * least) & ~word) | ((del - ones) & ~del)) & ones * 0x80;
}

/* No control characters; spaces and tabs where `blanks` says so. */
static bool is_text(struct gw_slice s, bool blanks)
{
    size_t i = 0;
    for (uint64_t word; s.len - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, s.base + i, sizeof(word));
        if (has_control(word, blanks ? ' ' : ' ' + 1))
            break; /* or a tab: byte by byte from here on */
    }
    for (; i < s.len; i++) {
        unsigned char c = (unsigned char)s.base[i];
        if (c == 0x7f || (c <= 0x20 && !(blanks && (c == ' ' || c == '\t'))))
            return false;
    }
    return true;
}

/* The next line without its CR LF. */
static bool take_line(struct head *head, struct gw_slice *ret_line)
{
    const char *newline = memchr(head->rest.base, '\n', head->rest.len);
    size_t length = (size_t)(newline - head->rest.base);
    if (length == 0 || newline[-1] != '\r') {
        head->fault = "a line does not end with CR LF";
        return false;
    }
    *ret_line = gw_slice(head->rest.base, length - 1);
    head->rest = gw_slice_from(head->rest, length + 1);
    return true;
}

/* The forms of RFC 9112 section 3.2 that are for origin servers. */
static const char *check_target(struct gw_slice method, struct gw_slice target)
{
    struct gw_slice authority, path;
    if (gw_http_has_fragment(target))
        return "the request's target has a fragment";
    if (gw_http_is_path(method, target))
        return NULL;
    if (!gw_http_split_absolute(target, &authority, &path))
        return "the request's target is no path";
    return gw_http_is_authority(authority) ? NULL : "the request's target names no host";
}

static bool check_request_line(struct head *head)
{
    struct gw_slice line;
    if (!take_line(head, &line) || (line.len == 0 && !take_line(head, &line)))
        return false; /* one empty line may come first, RFC 9112 section 2.2 */
    const char *first = memchr(line.base, ' ', line.len);
    const char *last = memrchr(line.base, ' ', line.len);
    head->fault = "the request line is not METHOD target HTTP/1.1";
    if (first == NULL || first == last)
        return false;
    struct gw_slice method = gw_slice(line.base, (size_t)(first - line.base));
    struct gw_slice target = gw_slice(first + 1, (size_t)(last - first - 1));
    struct gw_slice version = gw_slice_from(line, (size_t)(last + 1 - line.base));
    if (!gw_http_is_token(method) || target.len == 0 || !is_text(target, false))
        return false;
    head->is_1_1 = gw_slice_eq(version, GW_SLICE("HTTP/1.1"));
    if (!head->is_1_1 && !gw_slice_eq(version, GW_SLICE("HTTP/1.0"))) {
        head->fault = "this port speaks HTTP/1.0 and HTTP/1.1";
        return false;
    }
    head->fault = check_target(method, target);
    return head->fault == NULL;
}

static bool is_number(struct gw_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.base[i] < '0' || s.base[i] > '9')
            return false;
    }
    return s.len > 0 && s.len < 19;
}

/* Headers that say where the message ends, whom it is for, and what ends here. */
static const char *check_framing(struct head *head, struct gw_slice name, struct gw_slice value)
{
    switch (name.len) {
    case 4:
        if (!gw_slice_eq_nocase(name, GW_SLICE("host")))
            break;
        if (head->hosts++ > 0)
            return "more than one Host";
        if (!gw_http_is_authority(value))
            return "a Host that is no host";
        break;
    case 10:
        if (gw_slice_eq_nocase(name, GW_SLICE("connection")))
            return gw_hop_check(value, &head->hop_headers);
        break;
    case 14:
        if (!gw_slice_eq_nocase(name, GW_SLICE("content-length")))
            break;
        if (head->content_lengths++ > 0)
            return "more than one Content-Length";
        if (!is_number(value))
            return "a Content-Length that is no number";
        break;
    case 17:
        if (!gw_slice_eq_nocase(name, GW_SLICE("transfer-encoding")))
            break;
        if (head->transfer_encodings++ > 0)
            return "more than one Transfer-Encoding";
        if (!head->is_1_1)
            return "Transfer-Encoding in HTTP/1.0";
        if (!gw_slice_eq_nocase(value, GW_SLICE("chunked")))
            return "a Transfer-Encoding that is not chunked";
        break;
    default:
        break;
    }
    return NULL;
}

/* False at the empty line that ends the head, and at a fault. */
static bool check_header(struct head *head)
{
    struct gw_slice line;
    if (!take_line(head, &line) || line.len == 0)
        return false;
    head->headers++;
    const char *colon = memchr(line.base, ':', line.len);
    if (line.base[0] == ' ' || line.base[0] == '\t')
        head->fault = "a folded header line";
    else if (colon == NULL || !gw_http_is_token(gw_slice(line.base, (size_t)(colon - line.base))))
        head->fault = "a header name that is no token";
    if (head->fault != NULL)
        return false;
    struct gw_slice name = gw_slice(line.base, (size_t)(colon - line.base));
    struct gw_slice value = gw_slice_trim(gw_slice_from(line, name.len + 1));
    if (value.len > 0 && value.base + value.len != line.base + line.len)
        head->has_space_behind = true;
    head->fault =
        is_text(value, true) ? check_framing(head, name, value) : "a control character in a header";
    return head->fault == NULL;
}

/* Length of the head with its empty line; 0: not all of it is there. */
static size_t find_end(struct gw_slice bytes, size_t *scanned)
{
    /* An empty line before the request line is not the end of the head. */
    size_t from = *scanned;
    if (from < 2 && gw_slice_starts_with(bytes, GW_SLICE("\r\n")))
        from = 2;
    for (;;) {
        const char *newline =
            from < bytes.len ? memchr(bytes.base + from, '\n', bytes.len - from) : NULL;
        if (newline == NULL) {
            *scanned = bytes.len;
            break;
        }
        size_t at = (size_t)(newline - bytes.base);
        struct gw_slice next = gw_slice_from(bytes, at + 1);
        if (gw_slice_starts_with(next, GW_SLICE("\n")))
            return at + 2;
        if (gw_slice_starts_with(next, GW_SLICE("\r\n")))
            return at + 3;
        if (next.len < 2) {
            *scanned = at; /* the line break may be followed by another */
            break;
        }
        from = at + 1;
    }
    return 0;
}

enum gw_http1_outcome gw_http1_head_check(struct gw_slice bytes, size_t *scanned,
                                          const struct gw_http1_limits *limits,
                                          struct gw_http1_head *ret_head,
                                          struct gw_request_fault *ret_fault)
{
    size_t end = find_end(bytes, scanned);
    if ((end == 0 ? bytes.len : end) > limits->header_bytes) {
        *ret_fault = (struct gw_request_fault){431, "the request's headers are too large"};
        return GW_HTTP1_REFUSED;
    }
    if (end == 0) {
        /* What cannot become a request line, such as a TLS hello, need not be waited for. */
        unsigned char first = bytes.len > 0 ? (unsigned char)bytes.base[0] : 'G';
        if (first == '\r' || is_token_byte[first])
            return GW_HTTP1_INCOMPLETE;
        *ret_fault = (struct gw_request_fault){400, "this is not HTTP"};
        return GW_HTTP1_REFUSED;
    }
    struct head head = {.rest = gw_slice(bytes.base, end)};
    if (check_request_line(&head)) {
        while (check_header(&head))
            ;
        if (head.fault == NULL && head.is_1_1 && head.hosts == 0)
            head.fault = "no Host";
        if (head.fault == NULL && head.content_lengths > 0 && head.transfer_encodings > 0)
            head.fault = "both Content-Length and Transfer-Encoding";
    }
    *scanned = end;
    if (head.fault == NULL && head.headers <= limits->header_count) {
        *ret_head = (struct gw_http1_head){
            .in_chunks = head.transfer_encodings > 0,
            .has_space_behind = head.has_space_behind,
            .has_hop_headers = head.hop_headers > 0,
        };
        return GW_HTTP1_SOUND;
    }
    *ret_fault = head.fault != NULL
                     ? (struct gw_request_fault){400, head.fault}
                     : (struct gw_request_fault){431, "the request has too many headers"};
    return GW_HTTP1_REFUSED;
}

void gw_http1_head_tidy(char *bytes, size_t length)
{
    struct head head = {.rest = gw_slice(bytes, length)};
    struct gw_slice line;
    while (head.rest.len > 0 && take_line(&head, &line)) {
        const char *colon = memchr(line.base, ':', line.len);
        size_t begin = colon != NULL ? (size_t)(colon + 1 - line.base) : line.len;
        struct gw_slice value = gw_slice_trim(gw_slice_from(line, begin));
        if (value.len == 0 || value.base + value.len == line.base + line.len)
            continue;
        char *room = bytes + (line.base - bytes) + begin;
        size_t space = line.len - begin - value.len;
        memmove(room + space, value.base, value.len);
        memset(room, ' ', space);
    }
}
