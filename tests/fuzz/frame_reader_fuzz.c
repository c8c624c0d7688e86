/* A stream of length-prefixed messages, cut into chunks whose sizes the input gives: the first byte
 * says how many messages are asked for after each chunk, the second the chunks' size. However it is
 * cut, the messages are those of the stream read whole, and together as long as they are measured.
 */
#include <assert.h>
#include <stdlib.h>

#include "grpc/frame_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_MESSAGE 4096

struct tally {
    size_t messages, bytes;
    uint32_t sum;
};

static int take(struct gw_frame_reader *reader, size_t wanted, struct tally *tally)
{
    struct gw_slice message;
    int rc = GW_FRAME_MORE;
    while (wanted-- > 0 && (rc = gw_frame_reader_next(reader, &message)) == GW_FRAME_MESSAGE) {
        tally->messages++;
        tally->bytes += message.len;
        for (size_t i = 0; i < message.len; i++)
            tally->sum = tally->sum * 31 + (uint8_t)message.base[i];
    }
    return rc;
}

static int read_cut(const uint8_t *data, size_t size, size_t step, size_t wanted,
                    bool takes_compressed, struct tally *tally)
{
    struct gw_frame_reader reader;
    gw_frame_reader_init(&reader, MAX_MESSAGE);
    reader.takes_compressed = takes_compressed;
    int rc = GW_FRAME_MORE;
    for (size_t at = 0; at < size && rc >= 0; at += step) {
        size_t n = size - at < step ? size - at : step;
        char *chunk = malloc(n);
        memcpy(chunk, data + at, n);
        gw_frame_reader_feed(&reader, gw_slice(chunk, n));
        rc = take(&reader, wanted, tally);
        gw_frame_reader_keep(&reader);
        free(chunk);
    }
    if (rc >= 0)
        rc = take(&reader, SIZE_MAX, tally);
    assert(rc < 0 || tally->messages * 5 + tally->bytes + gw_frame_reader_held(&reader) == size);
    gw_frame_reader_dispose(&reader);
    return rc;
}

static void measure(const uint8_t *data, size_t size)
{
    struct tally whole = {0};
    size_t measured;
    int rc = read_cut(data, size, size + 1, SIZE_MAX, true, &whole);
    int rc_measured = gw_frame_measure_whole(gw_slice(data, size), MAX_MESSAGE, &measured);
    assert(measured == whole.messages * 5 + whole.bytes);
    assert(rc_measured == (measured == 0 && rc < 0 ? rc : 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct tally whole = {0}, cut = {0};
    int rc = read_cut(data + 2, size - 2, size, SIZE_MAX, false, &whole);
    int rc_cut = read_cut(data + 2, size - 2, (size_t)data[1] + 1, data[0], false, &cut);
    assert(rc == rc_cut);
    assert(whole.messages == cut.messages && whole.bytes == cut.bytes && whole.sum == cut.sum);
    measure(data + 2, size - 2);
    return 0;
}
