#include "common/reply.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "common/money.h"
#include "google/rpc/error_details.pb-c.h"

enum { PAGE_SIZE_DEFAULT = 20, PAGE_SIZE_MAX = 100 };

/* --- requests --- */

void gw_check_add(struct gw_check *check, const char *field, const char *description)
{
    if (check->count < GW_CHECK_MAX_VIOLATIONS)
        check->violations[check->count++] = (struct gw_check_violation){field, description};
}

static bool has_control_character(struct gw_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.base[i] < 0x20 || text.base[i] == 0x7f)
            return true;
    }
    return false;
}

void gw_check_text(struct gw_check *check, const char *field, const char *text, size_t max_bytes,
                   enum gw_presence presence)
{
    struct gw_slice s = gw_slice_str(text);
    if (s.len == 0 && presence == GW_REQUIRED)
        gw_check_add(check, field, "is missing");
    else if (s.len > max_bytes)
        gw_check_add(
            check, field,
            gw_pool_printf(gw_rpc_pool(check->rpc), "expected at most %zu bytes", max_bytes).base);
    else if (gw_utf8_check(s) != s.len)
        gw_check_add(check, field, "expected UTF-8");
    else if (has_control_character(s))
        gw_check_add(check, field, "expected no control characters");
}

void gw_check_id(struct gw_check *check, const char *field, const char *id)
{
    gw_check_text(check, field, id, GW_ID_MAX_BYTES, GW_REQUIRED);
}

void gw_check_money(struct gw_check *check, const char *field, double amount, int64_t minimum_cents,
                    int64_t *ret_cents)
{
    int64_t cents;
    const char *wrong = gw_money_parse(amount, &cents);
    if (wrong != NULL)
        gw_check_add(check, field, wrong);
    else if (cents < minimum_cents)
        gw_check_add(check, field,
                     minimum_cents > 0 ? "expected more than 0" : "expected no negative amount");
    else
        *ret_cents = cents;
}

int32_t gw_check_page_size(struct gw_check *check, const char *field, int32_t requested)
{
    if (requested < 0)
        gw_check_add(check, field, "expected no negative number");
    if (requested == 0)
        return PAGE_SIZE_DEFAULT;
    return requested < PAGE_SIZE_MAX ? requested : PAGE_SIZE_MAX;
}

bool gw_check_failed(struct gw_check *check)
{
    if (check->count == 0)
        return false;
    Google__Rpc__BadRequest detail = GOOGLE__RPC__BAD_REQUEST__INIT;
    Google__Rpc__BadRequest__FieldViolation violations[GW_CHECK_MAX_VIOLATIONS];
    Google__Rpc__BadRequest__FieldViolation *list[GW_CHECK_MAX_VIOLATIONS];
    struct gw_buf message = gw_buf_in_pool(gw_rpc_pool(check->rpc));
    for (size_t i = 0; i < check->count; i++) {
        google__rpc__bad_request__field_violation__init(&violations[i]);
        violations[i].field = (char *)check->violations[i].field;
        violations[i].description = (char *)check->violations[i].description;
        list[i] = &violations[i];
        gw_buf_printf(&message, "%s%s: %s", i > 0 ? "; " : "", check->violations[i].field,
                      check->violations[i].description);
    }
    detail.n_field_violations = check->count;
    detail.field_violations = list;
    gw_rpc_fail_with(check->rpc, GW_INVALID_ARGUMENT, gw_buf_terminate(&message), &detail.base);
    return true;
}

/* --- answers --- */

static void reply_resource(struct gw_rpc *rpc, int status, const char *message, const char *type,
                           const char *name)
{
    Google__Rpc__ResourceInfo detail = GOOGLE__RPC__RESOURCE_INFO__INIT;
    detail.resource_type = (char *)type;
    detail.resource_name = (char *)name;
    detail.description = (char *)message;
    gw_rpc_fail_with(rpc, status, message, &detail.base);
}

void gw_reply_not_found(struct gw_rpc *rpc, const char *noun, const char *type, const char *id)
{
    reply_resource(rpc, GW_NOT_FOUND, gw_pool_printf(gw_rpc_pool(rpc), "%s not found", noun).base,
                   type, id);
}

void gw_reply_taken(struct gw_rpc *rpc, const char *field, const char *type, const char *value)
{
    reply_resource(rpc, GW_ALREADY_EXISTS,
                   gw_pool_printf(gw_rpc_pool(rpc), "%s \"%s\" is taken", field, value).base, type,
                   value);
}

void gw_reply_precondition(struct gw_rpc *rpc, const char *type, const char *subject,
                           const char *description)
{
    Google__Rpc__PreconditionFailure__Violation violation =
        GOOGLE__RPC__PRECONDITION_FAILURE__VIOLATION__INIT;
    violation.type = (char *)type;
    violation.subject = (char *)subject;
    violation.description = (char *)description;
    Google__Rpc__PreconditionFailure__Violation *list[] = {&violation};
    Google__Rpc__PreconditionFailure detail = GOOGLE__RPC__PRECONDITION_FAILURE__INIT;
    detail.n_violations = 1;
    detail.violations = list;
    gw_rpc_fail_with(rpc, GW_FAILED_PRECONDITION, description, &detail.base);
}

void gw_reply_db_failed(struct gw_rpc *rpc, const struct gw_db *db, int failure)
{
    fprintf(stderr, "storage: %s\n", gw_db_message(db));
    if (failure == GW_DB_BUSY)
        gw_rpc_fail(rpc, GW_UNAVAILABLE, "the storage is busy");
    else
        gw_rpc_fail(rpc, GW_INTERNAL, "the storage failed");
}
