/* The timestamp role: form. */
#include "tests/support/tuf_rows.h"

static int open_timestamp(const struct place *at, struct fault *f)
{
	struct tuf_timestamp *ts;
	int rc = tuf_timestamp_parse(at, &ts, f);
	if (!rc)
		tuf_timestamp_free(ts);
	return rc;
}

#define M(META) "{" HEAD("timestamp") ",\"meta\":" META "}"

static const struct tuf_row rows[] = {
	{ M("{\"snapshot.json\":{\"version\":1}}"), KE_OK, NULL, "version alone" },
	{ M("{\"snapshot.json\":{\"version\":1,\"length\":10,\"hashes\":{\"sha256\":\"" HASH "\"}}}"), KE_OK,
	        NULL, "length and hashes" },
	{ M("{\"snapshot.json\":{\"version\":1},\"x\":3}"), KE_OK, NULL, "unknown entries" },
	{ M("{}"), KE_SCHEMA, "meta", "snapshot.json is missing" },
	{ M("[]"), KE_SCHEMA, "meta", "no object" },
	{ M("{\"snapshot.json\":1}"), KE_SCHEMA, "meta.snapshot.json", "an entry that is a number" },
	{ M("{\"snapshot.json\":{}}"), KE_SCHEMA, "meta.snapshot.json", "no version" },
	{ M("{\"snapshot.json\":{\"version\":0}}"), KE_RANGE, "meta.snapshot.json.version", "version zero" },
	{ M("{\"snapshot.json\":{\"version\":1,\"length\":-1}}"), KE_RANGE, "meta.snapshot.json.length",
	        "negative length" },
	{ M("{\"snapshot.json\":{\"version\":1,\"length\":0}}"), KE_OK, NULL, "length zero" },
	{ M("{\"snapshot.json\":{\"version\":9007199254740991,\"length\":9007199254740991}}"), KE_OK, NULL,
	        "the largest of both" },
	{ M("{\"snapshot.json\":{\"version\":1,\"length\":\"10\"}}"), KE_SCHEMA, "meta.snapshot.json.length",
	        "length in quotes" },
	{ M("{\"snapshot.json\":{\"version\":1,\"hashes\":{}}}"), KE_SCHEMA, "meta.snapshot.json.hashes",
	        "empty hashes" },
	{ "{" HEAD("timestamp") "}", KE_SCHEMA, NULL, "no meta" },
	{ "{" HEAD("snapshot") ",\"meta\":{\"snapshot.json\":{\"version\":1}}}", KE_SCHEMA, NULL,
	        "another type" },
};

static void forms_are_strict(void **state)
{
	(void)state;
	tuf_rows_check(rows, sizeof rows / sizeof rows[0], open_timestamp);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(forms_are_strict) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
