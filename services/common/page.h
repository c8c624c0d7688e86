/* A small HTTP/1.1 server, by libh2o, for the pages that people and Prometheus read: a page is a
 * path and a function that writes it. Worker-local. */
#ifndef COMMON_PAGE_H
#define COMMON_PAGE_H

#include "base/buf.h"
#include "base/loop.h"

/* At a time; more are closed. */
#define GW_PAGES_CONNECTIONS_MAX 64

struct gw_pages;

struct gw_page {
    const char *path; /* "/health" */
    const char *content_type;
    /* Appends the body and returns the HTTP status. */
    int (*write)(void *arg, struct gw_buf *body);
};

/* Serves `pages` (which ends with a NULL path; borrowed) on a bound, listening, non-blocking
 * socket, which it takes. */
struct gw_pages *gw_pages_create(struct gw_loop *loop, int fd, const struct gw_page *pages,
                                 void *arg);
/* Closes what is open, in turns of the loop. NULL is allowed. */
void gw_pages_destroy(struct gw_pages *pages);

#endif
