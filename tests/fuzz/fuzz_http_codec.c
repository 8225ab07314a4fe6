/* Request heads: whole and cut into pieces at random places, which must make no difference; and what the parser promises
 * about what it accepts. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server-stub/http/http_codec.h"

#define MUST(condition)                                                                                      \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			abort();                                                                             \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Scan in pieces whose lengths follow from the bytes themselves; each piece ends at the end of its own allocation, so that
 * the sanitizer sees a look beyond. */
static int scan_cut(const uint8_t *data, size_t size, size_t *ret_size)
{
	struct http_scan scan = { 0 };
	uint32_t dice = 2166136261u;
	size_t have = 0;
	int rc = 0;

	for (size_t i = 0; i < size; i++)
		dice = (dice ^ data[i]) * 16777619u;
	while (rc == 0 && have < size) {
		dice = dice * 1664525u + 1013904223u;
		size_t piece = 1 + (dice >> 8) % (size / 3 + 1);
		have = have + piece < size ? have + piece : size;
		char *copy = malloc(have);
		MUST(copy);
		memcpy(copy, data, have);
		rc = http_head_scan(&scan, copy, have, ret_size);
		free(copy);
	}
	return rc;
}

static void check_head(const struct http_head *h, size_t size)
{
	char value[64];

	MUST(h->path[0] == '/' && !strstr(h->path, "//") && !strstr(h->path, "/../"));
	MUST(h->n_fields <= HTTP_FIELDS_MAX && strlen(h->path) + strlen(h->query) <= HTTP_TARGET_MAX);
	for (unsigned i = 0; i < h->n_fields; i++) {
		MUST(h->fields[i].name[0] && strlen(h->fields[i].value) < size);
		MUST(!strpbrk(h->fields[i].name, " \t:ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
		MUST(!strpbrk(h->fields[i].value, "\r\n"));
		MUST(strcmp(h->fields[i].name, "transfer-encoding") != 0);
	}
	http_query_get(h->query, "x", value, sizeof value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_scan scan = { 0 };
	size_t whole_size = 0, cut_size = 0;
	struct http_head head;

	int whole = http_head_scan(&scan, (const char *)data, size, &whole_size);
	int cut = scan_cut(data, size, &cut_size);
	MUST((whole < 0) == (cut < 0) && (whole < 0 || (whole == cut && whole_size == cut_size)));
	if (whole != 1)
		return 0;
	MUST(whole_size <= size && whole_size <= HTTP_HEAD_MAX);
	char *copy = malloc(whole_size);
	MUST(copy);
	memcpy(copy, data, whole_size);
	int rc = http_head_parse(copy, whole_size, &head);
	MUST(rc == 0 || (rc <= -400 && rc >= -505));
	if (rc == 0)
		check_head(&head, whole_size);
	free(copy);
	return 0;
}
