/* tuf_timestamp.c — the timestamp role: which snapshot is the newest. Entries of meta besides snapshot.json are
 * ignored. */
#include <stdlib.h>

#include "proto/tuf.h"

int tuf_timestamp_parse(const struct place *at, struct tuf_timestamp **ret, struct fault *f)
{
	struct tuf_timestamp *ts = calloc(1, sizeof *ts);
	struct place meta, entry;
	int rc;

	if (!ts)
		return place_fault(at, f, KE_NOMEM, NULL, "out of memory");
	if ((rc = tuf_header_parse(at, "timestamp", &ts->header, f)) ||
	        (rc = read_object(at, "meta", &meta, f)) ||
	        (rc = read_object(&meta, "snapshot.json", &entry, f)) ||
	        (rc = tuf_meta_parse(&entry, &ts->snapshot, f))) {
		free(ts);
		return rc;
	}
	*ret = ts;
	return KE_OK;
}

void tuf_timestamp_free(struct tuf_timestamp *ts)
{
	free(ts);
}
