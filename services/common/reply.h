/* What services check in requests, and how they refuse: one status, one sentence, and the detail of
 * google/rpc/error_details.proto that names the field or the resource. */
#ifndef COMMON_REPLY_H
#define COMMON_REPLY_H

#include "common/db.h"
#include "grpc/service.h"

/* Longest id that is looked up. */
#define GW_ID_MAX_BYTES 64

/* Violations told at once; the rest would only make the answer longer. */
#define GW_CHECK_MAX_VIOLATIONS 8

/* Collects what is wrong with a request:
 *
 *     struct gw_check check = gw_check_begin(rpc);
 *     gw_check_text(&check, "username", request->username, 64, GW_REQUIRED);
 *     if (gw_check_failed(&check))
 *         return;
 */
struct gw_check {
    struct gw_rpc *rpc;
    size_t count;
    struct gw_check_violation {
        const char *field, *description;
    } violations[GW_CHECK_MAX_VIOLATIONS];
};

enum gw_presence { GW_OPTIONAL, GW_REQUIRED };

static inline struct gw_check gw_check_begin(struct gw_rpc *rpc)
{
    return (struct gw_check){.rpc = rpc};
}

/* Adds a violation; `field` as in the .proto ("items[2].price"), both texts live as long as the
 * call. */
void gw_check_add(struct gw_check *check, const char *field, const char *description);
/* UTF-8 without control characters, at most max_bytes long, and not empty where required. */
void gw_check_text(struct gw_check *check, const char *field, const char *text, size_t max_bytes,
                   enum gw_presence presence);
void gw_check_id(struct gw_check *check, const char *field, const char *id);
/* *ret_cents for an amount of money of at least `minimum_cents`; else a violation. */
void gw_check_money(struct gw_check *check, const char *field, double amount, int64_t minimum_cents,
                    int64_t *ret_cents);
/* How many a list may give at once: 20 where the request leaves it open (0), at most 100. */
int32_t gw_check_page_size(struct gw_check *check, const char *field, int32_t requested);
/* Whether there were violations; then the call has been answered with INVALID_ARGUMENT. */
bool gw_check_failed(struct gw_check *check);

/* NOT_FOUND with a google.rpc.ResourceInfo: "user not found". */
void gw_reply_not_found(struct gw_rpc *rpc, const char *noun, const char *type, const char *id);
/* ALREADY_EXISTS with a google.rpc.ResourceInfo: `username "alice" is taken`. */
void gw_reply_taken(struct gw_rpc *rpc, const char *field, const char *type, const char *value);
/* FAILED_PRECONDITION with a google.rpc.PreconditionFailure. */
void gw_reply_precondition(struct gw_rpc *rpc, const char *type, const char *subject,
                           const char *description);
/* For a failure of common/db.h: UNAVAILABLE for GW_DB_BUSY, else INTERNAL; the particulars go to
 * standard error, not to the client. */
void gw_reply_db_failed(struct gw_rpc *rpc, const struct gw_db *db, int failure);

/* A count for an int32 field. */
static inline int32_t gw_total(int64_t count)
{
    return count < INT32_MAX ? (int32_t)count : INT32_MAX;
}

#endif
