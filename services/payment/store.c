#include "payment/store.h"

#include "base/clock.h"
#include "base/random.h"
#include "common/money.h"
#include "common/row.h"

static const char *const migrations[] = {
    "CREATE TABLE payments ("
    "  id TEXT PRIMARY KEY,"
    "  order_id TEXT NOT NULL,"
    "  user_id TEXT NOT NULL,"
    "  amount_cents INTEGER NOT NULL,"
    "  refunded_cents INTEGER NOT NULL CHECK (refunded_cents BETWEEN 0 AND amount_cents),"
    "  payment_method TEXT NOT NULL,"
    "  created_us INTEGER NOT NULL" /* since 1970 */
    ") STRICT;"
    "CREATE TABLE refunds ("
    "  id TEXT PRIMARY KEY,"
    "  payment_id TEXT NOT NULL REFERENCES payments (id),"
    "  amount_cents INTEGER NOT NULL,"
    "  reason TEXT NOT NULL,"
    "  created_us INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX refunds_of_payment ON refunds (payment_id)",
    "CREATE INDEX payments_of_user ON payments (user_id, created_us, id)",
    NULL,
};

#define PAYMENT_COLUMNS                                                                            \
    "id, order_id, user_id, amount_cents, refunded_cents, payment_method, created_us"

enum { INSERT, FIND, LIST, COUNT_OF_USER, ADD_REFUNDED, INSERT_REFUND, COUNT };
static const char *const statements[] = {
    [INSERT] = "INSERT INTO payments (" PAYMENT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6)"
               " RETURNING " PAYMENT_COLUMNS,
    [FIND] = "SELECT " PAYMENT_COLUMNS " FROM payments WHERE id = ?1",
    [LIST] = "SELECT " PAYMENT_COLUMNS " FROM payments WHERE user_id = ?1"
             " ORDER BY created_us DESC, id DESC LIMIT ?2",
    [COUNT_OF_USER] = "SELECT count(*) FROM payments WHERE user_id = ?1",
    [ADD_REFUNDED] = "UPDATE payments SET refunded_cents = refunded_cents + ?2"
                     " WHERE id = ?1 AND refunded_cents + ?2 <= amount_cents"
                     " RETURNING " PAYMENT_COLUMNS,
    [INSERT_REFUND] = "INSERT INTO refunds (id, payment_id, amount_cents, reason, created_us)"
                      " VALUES (?1, ?2, ?3, ?4, ?5)",
    [COUNT] = "SELECT count(*) FROM payments",
};

const struct gw_db_schema gw_payment_schema = {
    .migrations = migrations,
    .statements = statements,
    .statement_count = sizeof(statements) / sizeof(statements[0]),
    .count_statement = COUNT,
};

static const char *status_of(int64_t amount_cents, int64_t refunded_cents)
{
    if (refunded_cents == 0)
        return "COMPLETED";
    return refunded_cents < amount_cents ? "PARTIALLY_REFUNDED" : "REFUNDED";
}

struct reader {
    gw_pool *pool;
    Payment__V1__Payment **next;
};

static void read_payment(void *arg, sqlite3_stmt *row)
{
    struct reader *reader = arg;
    Payment__V1__Payment *payment = h2o_mem_alloc_pool(reader->pool, sizeof(*payment));
    payment__v1__payment__init(payment);
    int64_t amount_cents = sqlite3_column_int64(row, 3);
    int64_t refunded_cents = sqlite3_column_int64(row, 4);
    payment->payment_id = gw_row_text(reader->pool, row, 0);
    payment->order_id = gw_row_text(reader->pool, row, 1);
    payment->user_id = gw_row_text(reader->pool, row, 2);
    payment->amount = gw_money_amount(amount_cents);
    payment->refunded = gw_money_amount(refunded_cents);
    payment->status = (char *)status_of(amount_cents, refunded_cents);
    payment->payment_method = gw_row_text(reader->pool, row, 5);
    payment->created_at = gw_row_time(reader->pool, row, 6);
    *reader->next++ = payment;
}

int gw_payment_insert(struct gw_db *db, gw_pool *pool,
                      const Payment__V1__ProcessPaymentRequest *request, int64_t amount_cents,
                      Payment__V1__Payment **ret_payment)
{
    char id[GW_UUID_LENGTH + 1];
    gw_random_uuid(id);
    struct reader reader = {pool, ret_payment};
    int rows = gw_db_run(db, INSERT,
                         GW_DB_VALUES(gw_db_text(id), gw_db_text(request->order_id),
                                      gw_db_text(request->user_id), gw_db_integer(amount_cents),
                                      gw_db_text(request->payment_method),
                                      gw_db_integer(gw_clock_wall_us())),
                         read_payment, &reader);
    return rows < 0 ? rows : 0;
}

int gw_payment_find(struct gw_db *db, gw_pool *pool, const char *id,
                    Payment__V1__Payment **ret_payment)
{
    struct reader reader = {pool, ret_payment};
    return gw_db_run(db, FIND, GW_DB_VALUES(gw_db_text(id)), read_payment, &reader);
}

int gw_payment_list(struct gw_db *db, gw_pool *pool, const char *user_id, int64_t limit,
                    Payment__V1__Payment ***ret_payments, int64_t *ret_total)
{
    Payment__V1__Payment **payments = h2o_mem_alloc_pool(pool, (size_t)limit * sizeof(*payments));
    struct reader reader = {pool, payments};
    int rows = gw_db_run(db, LIST, GW_DB_VALUES(gw_db_text(user_id), gw_db_integer(limit)),
                         read_payment, &reader);
    int result = rows < 0 ? rows
                          : gw_db_run(db, COUNT_OF_USER, GW_DB_VALUES(gw_db_text(user_id)),
                                      gw_row_read_number, ret_total);
    if (result < 0)
        return result;
    *ret_payments = payments;
    return rows;
}

static int record_refund(struct gw_db *db, const char *payment_id, int64_t amount_cents,
                         const char *reason)
{
    char id[GW_UUID_LENGTH + 1];
    gw_random_uuid(id);
    return gw_db_run(db, INSERT_REFUND,
                     GW_DB_VALUES(gw_db_text(id), gw_db_text(payment_id),
                                  gw_db_integer(amount_cents), gw_db_text(reason),
                                  gw_db_integer(gw_clock_wall_us())),
                     NULL, NULL);
}

/* Within a transaction. */
static int refund(struct gw_db *db, gw_pool *pool, const char *id, int64_t amount_cents,
                  const char *reason, Payment__V1__Payment **ret_payment)
{
    struct reader reader = {pool, ret_payment};
    int result =
        gw_db_run(db, ADD_REFUNDED, GW_DB_VALUES(gw_db_text(id), gw_db_integer(amount_cents)),
                  read_payment, &reader);
    if (result > 0)
        result = record_refund(db, id, amount_cents, reason);
    else if (result == 0 && (result = gw_payment_find(db, pool, id, ret_payment)) >= 0)
        return result > 0 ? GW_REFUND_TOO_MUCH : GW_REFUND_NO_PAYMENT;
    return result < 0 ? result : GW_REFUND_DONE;
}

int gw_payment_refund(struct gw_db *db, gw_pool *pool, const char *id, int64_t amount_cents,
                      const char *reason, Payment__V1__Payment **ret_payment)
{
    int failure = gw_db_begin(db);
    if (failure < 0)
        return failure;
    int outcome = refund(db, pool, id, amount_cents, reason, ret_payment);
    if (outcome != GW_REFUND_DONE) {
        gw_db_rollback(db);
        return outcome;
    }
    failure = gw_db_commit(db);
    return failure < 0 ? failure : GW_REFUND_DONE;
}
