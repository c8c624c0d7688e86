#include "order/store.h"

#include "base/clock.h"
#include "base/random.h"
#include "common/money.h"
#include "common/row.h"

static const char *const migrations[] = {
    "CREATE TABLE orders ("
    "  id TEXT PRIMARY KEY,"
    "  user_id TEXT NOT NULL,"
    "  item_count INTEGER NOT NULL,"
    "  total_cents INTEGER NOT NULL,"
    "  status TEXT NOT NULL,"
    "  created_us INTEGER NOT NULL" /* since 1970 */
    ") STRICT;"
    "CREATE INDEX orders_of_user ON orders (user_id, created_us, id);"
    "CREATE TABLE order_items ("
    "  order_id TEXT NOT NULL REFERENCES orders (id),"
    "  position INTEGER NOT NULL,"
    "  product_id TEXT NOT NULL,"
    "  product_name TEXT NOT NULL,"
    "  quantity INTEGER NOT NULL,"
    "  price_cents INTEGER NOT NULL,"
    "  PRIMARY KEY (order_id, position)"
    ") STRICT, WITHOUT ROWID",
    NULL,
};

#define ORDER_COLUMNS "id, user_id, item_count, total_cents, status, created_us"

enum { INSERT, INSERT_ITEM, FIND, ITEMS, LIST, COUNT_OF_USER, COUNT };
static const char *const statements[] = {
    [INSERT] = "INSERT INTO orders (" ORDER_COLUMNS ") VALUES (?1, ?2, ?3, ?4, 'CREATED', ?5)",
    [INSERT_ITEM] = "INSERT INTO order_items VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [FIND] = "SELECT " ORDER_COLUMNS " FROM orders WHERE id = ?1",
    [ITEMS] = "SELECT product_id, product_name, quantity, price_cents FROM order_items"
              " WHERE order_id = ?1 ORDER BY position LIMIT ?2",
    [LIST] = "SELECT " ORDER_COLUMNS " FROM orders WHERE user_id = ?1"
             " ORDER BY created_us DESC, id DESC LIMIT ?2",
    [COUNT_OF_USER] = "SELECT count(*) FROM orders WHERE user_id = ?1",
    [COUNT] = "SELECT count(*) FROM orders",
};

const struct gw_db_schema gw_order_schema = {
    .migrations = migrations,
    .statements = statements,
    .statement_count = sizeof(statements) / sizeof(statements[0]),
    .count_statement = COUNT,
};

/* --- reading --- */

struct reader {
    gw_pool *pool;
    Order__V1__Order **next;
};

/* n_items is how many there are to read; gw_order_find and gw_order_list then read them. */
static void read_order(void *arg, sqlite3_stmt *row)
{
    struct reader *reader = arg;
    Order__V1__Order *order = h2o_mem_alloc_pool(reader->pool, sizeof(*order));
    order__v1__order__init(order);
    order->order_id = gw_row_text(reader->pool, row, 0);
    order->user_id = gw_row_text(reader->pool, row, 1);
    order->n_items = (size_t)sqlite3_column_int64(row, 2);
    order->total = gw_money_amount(sqlite3_column_int64(row, 3));
    order->status = gw_row_text(reader->pool, row, 4);
    order->created_at = gw_row_time(reader->pool, row, 5);
    *reader->next++ = order;
}

struct item_reader {
    gw_pool *pool;
    Order__V1__OrderItem **next;
};

static void read_item(void *arg, sqlite3_stmt *row)
{
    struct item_reader *reader = arg;
    Order__V1__OrderItem *item = h2o_mem_alloc_pool(reader->pool, sizeof(*item));
    order__v1__order_item__init(item);
    item->product_id = gw_row_text(reader->pool, row, 0);
    item->product_name = gw_row_text(reader->pool, row, 1);
    item->quantity = sqlite3_column_int(row, 2);
    item->price = gw_money_amount(sqlite3_column_int64(row, 3));
    *reader->next++ = item;
}

static int read_items(struct gw_db *db, gw_pool *pool, Order__V1__Order *order)
{
    order->items = h2o_mem_alloc_pool(pool, order->n_items * sizeof(*order->items));
    struct item_reader reader = {pool, order->items};
    int rows =
        gw_db_run(db, ITEMS,
                  GW_DB_VALUES(gw_db_text(order->order_id), gw_db_integer((int64_t)order->n_items)),
                  read_item, &reader);
    if (rows < 0)
        return rows;
    order->n_items = (size_t)rows;
    return 0;
}

int gw_order_find(struct gw_db *db, gw_pool *pool, const char *id, Order__V1__Order **ret_order)
{
    Order__V1__Order *order;
    struct reader reader = {pool, &order};
    int rows = gw_db_run(db, FIND, GW_DB_VALUES(gw_db_text(id)), read_order, &reader);
    if (rows <= 0)
        return rows;
    int result = read_items(db, pool, order);
    if (result < 0)
        return result;
    *ret_order = order;
    return 1;
}

int gw_order_list(struct gw_db *db, gw_pool *pool, const char *user_id, int64_t limit,
                  Order__V1__Order ***ret_orders, int64_t *ret_total)
{
    Order__V1__Order **orders = h2o_mem_alloc_pool(pool, (size_t)limit * sizeof(*orders));
    struct reader reader = {pool, orders};
    int rows = gw_db_run(db, LIST, GW_DB_VALUES(gw_db_text(user_id), gw_db_integer(limit)),
                         read_order, &reader);
    int result = rows < 0 ? rows
                          : gw_db_run(db, COUNT_OF_USER, GW_DB_VALUES(gw_db_text(user_id)),
                                      gw_row_read_number, ret_total);
    for (int i = 0; result >= 0 && i < rows; i++)
        result = read_items(db, pool, orders[i]);
    if (result < 0)
        return result;
    *ret_orders = orders;
    return rows;
}

/* --- writing --- */

static int insert_all(struct gw_db *db, const char *id,
                      const Order__V1__CreateOrderRequest *request, const int64_t *prices_cents,
                      int64_t total_cents)
{
    int result =
        gw_db_run(db, INSERT,
                  GW_DB_VALUES(gw_db_text(id), gw_db_text(request->user_id),
                               gw_db_integer((int64_t)request->n_items), gw_db_integer(total_cents),
                               gw_db_integer(gw_clock_wall_us())),
                  NULL, NULL);
    for (size_t i = 0; result >= 0 && i < request->n_items; i++) {
        const Order__V1__OrderItem *item = request->items[i];
        result =
            gw_db_run(db, INSERT_ITEM,
                      GW_DB_VALUES(gw_db_text(id), gw_db_integer((int64_t)i),
                                   gw_db_text(item->product_id), gw_db_text(item->product_name),
                                   gw_db_integer(item->quantity), gw_db_integer(prices_cents[i])),
                      NULL, NULL);
    }
    return result;
}

int gw_order_insert(struct gw_db *db, gw_pool *pool, const Order__V1__CreateOrderRequest *request,
                    const int64_t *prices_cents, int64_t total_cents, Order__V1__Order **ret_order)
{
    char id[GW_UUID_LENGTH + 1];
    gw_random_uuid(id);
    int result = gw_db_begin(db);
    if (result < 0)
        return result;
    result = insert_all(db, id, request, prices_cents, total_cents);
    if (result >= 0)
        result = gw_order_find(db, pool, id, ret_order);
    if (result < 0) {
        gw_db_rollback(db);
        return result;
    }
    return gw_db_commit(db);
}
