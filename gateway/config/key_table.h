/* What tables of keys are written with. Only for the files that have some. */
#ifndef GW_CONFIG_KEY_TABLE_H
#define GW_CONFIG_KEY_TABLE_H

#include <stdint.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KEYS(array) .keys = array, .key_count = COUNT(array)
#define CHOICES(array) .choices = array, .choice_count = COUNT(array)

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define SECOND ((uint64_t)1000)
#define HOUR (3600 * SECOND)

#endif
