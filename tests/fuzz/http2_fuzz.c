/* The input is what a client sends behind HTTP/2's preface, in one piece. Requests go all the way
 * to a backend that is not there. */
#include <unistd.h>

#include "../unit/frontend/worker_fixture.h"

static const char limits[] = "request_body: 1KiB, header_count: 10, header_bytes: 1KiB, "
                             "concurrent_streams: 3, early_resets: 4, control_frames: 10";

static struct worker_fixture fixture;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    struct gw_worker *worker = &fixture.worker;
    if (size > 100000)
        return 0;
    if (fixture.config == NULL)
        fixture_open(&fixture, GW_BUILD_ROOT, limits, NULL);
    int fd = fixture_connect(&fixture);
    if (write(fd, preface, sizeof(preface) - 1) < 0 || write(fd, data, size) < 0)
        abort();
    char answer[4096];
    for (int i = 0; i < 4; i++) {
        gw_loop_turn(worker->loop, 0);
        while (read(fd, answer, sizeof(answer)) > 0)
            ;
    }
    gw_http2_sweep(worker->http2);
    close(fd);
    for (int i = 0; i < 100 && worker->connection_count > 0; i++)
        gw_loop_turn(worker->loop, 0);
    if (worker->connection_count > 0)
        abort();
    return 0;
}
