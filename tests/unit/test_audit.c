/* The hash of an audit row: a vector that was made with another tool, and that every member counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/audit.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static const struct audit_row first = { .seq = 1,
	.time = 1700000000,
	.actor = "operator/anna",
	.role = "admin",
	.action = "host.revoke",
	.object = "web1",
	.detail = "{}",
	.prev = ZEROS };

/* printf '64:000...0,1:1,10:1700000000,13:operator/anna,5:admin,11:host.revoke,4:web1,2:{},' | sha256sum */
static void vector(void **state)
{
	(void)state;
	char hash[AUDIT_HEX_ROOM];

	assert_int_equal(audit_row_hash(&first, hash), 0);
	assert_string_equal(hash, "53f7d1d59c024364fbfcb080b7c5801eec29a0fc25072058c900c3f95c3b7866");
}

static void every_member(void **state)
{
	(void)state;
	struct audit_row rows[] = { first, first, first, first, first, first, first, first, first };
	char want[AUDIT_HEX_ROOM], got[AUDIT_HEX_ROOM];

	rows[0].seq = 2;
	rows[1].time++;
	rows[2].actor = "operator/ann";
	rows[3].role = "";
	rows[4].action = "host.revok";
	rows[5].object = "web2";
	rows[6].detail = "{ }";
	rows[7].prev = "1" ZEROS;
	/* A byte that moves to the neighbour: without lengths this would be the same text. */
	rows[8].actor = "operator/ann";
	rows[8].role = "aadmin";
	audit_row_hash(&first, want);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(audit_row_hash(&rows[i], got), 0);
		if (strcmp(got, want) == 0)
			fail_msg("row %zu has the same hash", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vector),
		cmocka_unit_test(every_member),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
