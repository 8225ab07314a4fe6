/* gunzip.c — decompresses in steps, so that 64 MiB of zeros in 65 KB are refused after the first megabyte. Called for
 * report batches. */
#include "server-stub/api/gunzip.h"

#define ZLIB_CONST
#include <limits.h>
#include <string.h>
#include <zlib.h>

#include "proto/err.h"

#define STEP 16384

static int inflate_all(z_stream *z, struct buf *out)
{
	unsigned char step[STEP];
	int rc;

	do {
		z->next_out = step;
		z->avail_out = sizeof step;
		rc = inflate(z, Z_NO_FLUSH);
		if (rc != Z_OK && rc != Z_STREAM_END)
			return rc == Z_MEM_ERROR ? KE_NOMEM : KE_SYNTAX;
		buf_bytes(out, step, sizeof step - z->avail_out);
		if (out->rc)
			return out->rc;
	} while (rc != Z_STREAM_END);
	return z->avail_in ? KE_SYNTAX : KE_OK;
}

int gunzip(const void *data, size_t len, struct buf *out)
{
	z_stream z;

	if (len > UINT_MAX)
		return KE_TOOBIG;
	memset(&z, 0, sizeof z);
	if (inflateInit2(&z, MAX_WBITS + 16) != Z_OK)
		return KE_NOMEM;
	z.next_in = (z_const Bytef *)data;
	z.avail_in = (uInt)len;
	int rc = inflate_all(&z, out);
	inflateEnd(&z);
	return rc;
}
