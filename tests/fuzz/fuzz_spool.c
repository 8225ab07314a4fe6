/* Any bytes as a segment: followed as a chain, alone, cut in two, and before another segment. What the scan accepts must lie
 * within the bytes and be counted right. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/report/spool_in.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void scan(const char *text, size_t len, int64_t first, int64_t limit)
{
	struct scan sc = { .chain = { .host = "web1", .epoch = 0xa1b2 } };
	struct segment seg;

	scan_segment(&sc, first, limit, text, len, &seg);
	if (seg.bytes > len || seg.last < first - 1 || (limit != INT64_MAX && seg.last >= limit))
		abort();
	if (seg.bytes && (text[seg.bytes - 1] != '\n' || sc.chain.seq != seg.last))
		abort();
	if (!sc.broken && limit == INT64_MAX && (uint64_t)sc.torn != len - seg.bytes)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	uint64_t epoch;
	int64_t first;
	char name[64];

	scan(text, size, 1, INT64_MAX);
	scan(text, size / 2, 1, INT64_MAX);
	scan(text, size, 1, 3);
	scan(text, size, 2, INT64_MAX);
	size_t n = size < sizeof name ? size : sizeof name - 1;
	memcpy(name, text, n);
	name[n] = '\0';
	segment_name_parse(name, &epoch, &first);
	return 0;
}
