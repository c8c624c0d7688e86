/* Configurations from text, and what becomes of them. */
#ifndef TESTS_UNIT_CONFIG_LOADED_H
#define TESTS_UNIT_CONFIG_LOADED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/config.h"
#include "config/keys.h"
#include "printed.h"

/* The first line of every file here. */
#define LISTEN "listen: [{address: 127.0.0.1:8080}]\n"
#define UPSTREAM "upstreams: [{name: up, endpoints: [{address: a:1}]}]\n"
#define SCHEMA "schema: {descriptor_sets: [a.binpb]}\n"

static inline struct gw_config *load(const char *text)
{
    struct gw_diagnostics errors = {0};
    struct gw_config *config = gw_config_parse("conf/f.yaml", gw_slice_str(text), &errors);
    char *messages = printed(&errors);
    assert_string_equal(messages, "");
    free(messages);
    assert_non_null(config);
    return config;
}

static inline void assert_refused(const char *text, const char *expected)
{
    struct gw_diagnostics errors = {0};
    assert_null(gw_config_parse("f", gw_slice_str(text), &errors));
    char *messages = printed(&errors);
    assert_string_equal(messages, expected);
    free(messages);
}

#endif
