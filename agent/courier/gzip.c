/* gzip.c — zlib in one go: batches are small and bounded. Called by push.c. */
#include "agent/courier/gzip.h"

#define ZLIB_CONST
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#include "proto/err.h"

int gzip_make(const void *data, size_t len, unsigned char **ret, size_t *ret_len)
{
	z_stream z = { 0 };

	if (len > UINT_MAX / 2)
		return KE_TOOBIG;
	if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16 /* gzip */, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return KE_NOMEM;
	size_t room = deflateBound(&z, (uLong)len);
	unsigned char *out = malloc(room);
	int rc = out ? KE_OK : KE_NOMEM;
	z.next_in = (z_const Bytef *)data;
	z.avail_in = (uInt)len;
	z.next_out = out;
	z.avail_out = (uInt)room;
	if (!rc && deflate(&z, Z_FINISH) != Z_STREAM_END)
		rc = KE_SYSTEM;
	size_t made = (size_t)z.total_out;
	deflateEnd(&z);
	if (rc) {
		free(out);
		return rc;
	}
	*ret = out;
	*ret_len = made;
	return KE_OK;
}
