#include "frontend/websocket_internal.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* For the client to close in its turn. */
#define CLOSE_MS 2000
/* Times that a reader is looked at within stream_idle_timeout. */
#define LOOKS 4

static uint64_t min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void gw_websocket_look_by(struct gw_websocket *ws, uint64_t expires_ms)
{
    if (!gw_timer_is_running(&ws->timer) || ws->timer.expires_ms > expires_ms)
        gw_timer_start(ws->worker->loop, &ws->timer, expires_ms);
}

void gw_websocket_close_soon(struct gw_websocket *ws)
{
    if (ws->close_by_ms != 0)
        return;
    ws->close_by_ms = gw_websocket_now_ms(ws) + CLOSE_MS;
    gw_websocket_look_by(ws, ws->close_by_ms);
}

static bool client_has_taken_some(struct gw_websocket *ws)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof(info);
    getsockopt(h2o_socket_get_fd(ws->sock), IPPROTO_TCP, TCP_INFO, &info, &length);
    bool some = info.tcpi_bytes_acked != ws->acked_bytes;
    ws->acked_bytes = info.tcpi_bytes_acked;
    return some;
}

static void end_idle(struct gw_websocket *ws)
{
    char reason[64];
    if (ws->call == NULL || ws->writing) {
        gw_websocket_leave(ws);
        return;
    }
    snprintf(reason, sizeof(reason), "no message within %llu ms",
             (unsigned long long)gw_websocket_config(ws)->limits.stream_idle_timeout_ms);
    gw_websocket_give_up(ws, GW_DEADLINE_EXCEEDED, gw_websocket_code_of(GW_DEADLINE_EXCEEDED),
                         gw_slice_str(reason));
}

/* When to look again. */
static uint64_t check_idle(struct gw_websocket *ws, uint64_t now)
{
    uint64_t limit_ms = gw_websocket_config(ws)->limits.stream_idle_timeout_ms;
    if (ws->writing && client_has_taken_some(ws))
        ws->moved_ms = now;
    if (now >= ws->moved_ms + limit_ms)
        end_idle(ws);
    return min(ws->moved_ms + limit_ms, now + limit_ms / LOOKS + 1);
}

/* What is on its way to the client comes before the ping, and may be read slowly;
 * stream_idle_timeout looks after that. */
static bool may_answer_ping(const struct gw_websocket *ws)
{
    int unacknowledged = 0;
    ioctl(h2o_socket_get_fd(ws->sock), SIOCOUTQ, &unacknowledged);
    return ws->is_reading && !ws->writing && unacknowledged == 0;
}

static uint64_t check_ping(struct gw_websocket *ws, uint64_t now)
{
    const struct gw_config_websocket *config = &gw_websocket_config(ws)->websocket;
    if (ws->is_closing)
        return UINT64_MAX;
    if (ws->is_ping_out && now >= ws->pinged_ms + config->ping_timeout_ms) {
        if (may_answer_ping(ws)) {
            gw_websocket_give_up(ws, GW_CANCELLED, GW_WEBSOCKET_UNEXPECTED,
                                 GW_SLICE("no answer to a ping"));
            return UINT64_MAX;
        }
        ws->pinged_ms = now;
    } else if (!ws->is_ping_out && now >= ws->pinged_ms + config->ping_ms) {
        ws->is_ping_out = true;
        ws->pinged_ms = now;
        gw_websocket_write(&ws->frames, GW_WEBSOCKET_PING, (struct gw_slice){0}, &ws->waiting);
        gw_websocket_settle_later(ws);
    }
    return ws->pinged_ms + (ws->is_ping_out ? config->ping_timeout_ms : config->ping_ms);
}

/* While nothing is read its end is not seen either. */
static uint64_t check_presence(struct gw_websocket *ws, uint64_t now)
{
    if (ws->is_reading)
        return UINT64_MAX;
    if (gw_connection_has_left(ws->sock))
        gw_websocket_leave(ws);
    return now + GW_WEBSOCKET_LOOK_MS;
}

void gw_websocket_on_timer(struct gw_timer *timer)
{
    struct gw_websocket *ws = H2O_STRUCT_FROM_MEMBER(struct gw_websocket, timer, timer);
    uint64_t now = gw_websocket_now_ms(ws);
    if (ws->close_by_ms != 0 && now >= ws->close_by_ms) {
        gw_websocket_leave(ws);
        return;
    }
    uint64_t next_ms = check_idle(ws, now);
    next_ms = min(next_ms, check_ping(ws, now));
    next_ms = min(next_ms, check_presence(ws, now));
    if (ws->close_by_ms != 0)
        next_ms = min(next_ms, ws->close_by_ms);
    gw_timer_start(ws->worker->loop, timer, next_ms);
}
