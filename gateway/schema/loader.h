/* What the steps of gw_schema_load share: the files as protobuf-c unpacked them, and every declared
 * type with the file it stands in. Gone when the schema is complete.
 *
 * The steps, in this order: gw_loader_read, gw_loader_declare, gw_loader_link_enums,
 * gw_loader_link_messages, gw_loader_link_services. Each is 0, or -1 with loader->error set. */
#ifndef GW_SCHEMA_LOADER_H
#define GW_SCHEMA_LOADER_H

#include "base/vec.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "schema/schema.h"

struct gw_schema {
    gw_pool pool; /* everything but the tables below and those in the types */
    struct gw_strmap messages, enums, services, methods;
    GW_VEC(struct gw_message_type *) all_messages;
    GW_VEC(struct gw_enum_type *) all_enums;
    GW_VEC(struct gw_service *) all_services;
    GW_VEC(struct gw_method *) all_methods;
};

struct gw_schema_file {
    const struct gw_schema_source *source;
    const char *name;
    Google__Protobuf__FileDescriptorProto *proto;
    bool is_proto3;
};

/* A message, enum or service: what is declared, and in one of the three pairs what it becomes. */
struct gw_symbol {
    struct gw_slice full_name;
    const struct gw_schema_file *file;
    const struct gw_symbol *parent; /* the message around it, or NULL */

    struct gw_message_type *message;
    const Google__Protobuf__DescriptorProto *message_proto;
    struct gw_enum_type *enum_type;
    const Google__Protobuf__EnumDescriptorProto *enum_proto;
    struct gw_service *service;
    const Google__Protobuf__ServiceDescriptorProto *service_proto;
};

struct gw_loader {
    struct gw_schema *schema;
    const struct gw_schema_source *sources;
    size_t source_count;
    struct gw_error *error;

    gw_pool scratch;
    GW_VEC(struct gw_schema_file *) files; /* in order of reading */
    struct gw_strmap files_by_name;
    GW_VEC(struct gw_symbol *) symbols; /* in order of declaration */
    struct gw_strmap symbols_by_name;
};

int gw_loader_read(struct gw_loader *loader);
/* Frees what gw_loader_read unpacked. */
void gw_loader_free_files(struct gw_loader *loader);
int gw_loader_declare(struct gw_loader *loader);
int gw_loader_link_enums(struct gw_loader *loader);
int gw_loader_link_messages(struct gw_loader *loader);
int gw_loader_link_services(struct gw_loader *loader);

/* "SOURCE: FILE: what is wrong"; returns -1. */
int gw_loader_fail(struct gw_loader *loader, const struct gw_schema_file *file, const char *format,
                   ...) __attribute__((format(printf, 3, 4)));
/* "the set lacks", or with several "none of the sets has". */
const char *gw_loader_lacks(const struct gw_loader *loader);

/* The type that `user` (a full name, for the message) refers to; type_name may be NULL. */
int gw_loader_resolve(struct gw_loader *loader, const struct gw_schema_file *file,
                      struct gw_slice user, const char *type_name,
                      const struct gw_symbol **ret_symbol);

/* Zeroed, for `count` of them. */
void *gw_pool_zeroed(gw_pool *pool, size_t count, size_t bytes);

/* The google.api.http rules in a method's options (NULL allowed), into the schema's pool. */
int gw_loader_http_rules(struct gw_loader *loader, const struct gw_schema_file *file,
                         struct gw_method *method, const Google__Protobuf__MethodOptions *options);

/* Sets message->well_known by name; -1 if the message is not what the name promises. */
int gw_loader_recognise(struct gw_loader *loader, const struct gw_symbol *symbol);

/* Whether `text` is a default for the field, as descriptor.proto writes it. */
bool gw_default_is_valid(const struct gw_field *field, struct gw_slice text);

#endif
