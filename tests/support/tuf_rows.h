/* tuf_rows.h — table tests of the four role parsers: JSON text in, a code and the place of the complaint out. */
#ifndef KEDGE_TESTS_TUF_ROWS_H
#define KEDGE_TESTS_TUF_ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <cJSON.h>

#include "proto/strict.h"
#include "proto/tuf.h"

struct tuf_row {
	const char *text;
	int code;
	const char *where; /* NULL: not looked at */
	const char *remark;
};

/* A key object, its id, and the same with another public half. */
#define ED_KEY(PUB) "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"" PUB "\"}}"
#define PUB_A       "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
#define ID_A        "74c181c7ad8a0855d4b55e44d2ba87aabdddb196832571f15f92fece332e4916"
#define KEYS_A      "{\"" ID_A "\":" ED_KEY(PUB_A) "}"
#define PUB_B       "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
#define ID_B        "eaf1e23f6c823132f437a2eaa299a7950f7386631deff273db195bbd26209e2b"
#define KEYS_2      "{\"" ID_A "\":" ED_KEY(PUB_A) ",\"" ID_B "\":" ED_KEY(PUB_B) "}"
#define HASH        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define HEAD(TYPE)                                                                                           \
	"\"_type\":\"" TYPE                                                                                  \
	"\",\"spec_version\":\"1.0.34\",\"version\":1,\"expires\":\"2030-01-01T00:00:00Z\""

/* Strings at a limit. */
#define A16  "1111111111111111"
#define A63  A16 A16 A16 "111111111111111"
#define A255 A63 "1" A63 "1" A63 "1" A63

/* OPEN parses a role and frees it again; its code. */
static inline void tuf_rows_check(
        const struct tuf_row *rows, size_t n, int (*open)(const struct place *, struct fault *))
{
	for (size_t i = 0; i < n; i++) {
		struct fault f = { 0 };
		struct cJSON *tree;
		if (strict_parse(rows[i].text, strlen(rows[i].text), &strict_limits_default, &tree, &f))
			fail_msg("%s: the row is no JSON: %s %s", rows[i].remark, f.where, f.what);
		struct place at = place_root(tree);
		int rc = open(&at, &f);
		cJSON_Delete(tree);
		if (rc != rows[i].code)
			fail_msg("%s: %s: %s", rows[i].remark, err_name(rc), f.what);
		if (rc && rows[i].where && strcmp(f.where, rows[i].where) != 0)
			fail_msg("%s: at '%s', not '%s'", rows[i].remark, f.where, rows[i].where);
	}
}

#endif
