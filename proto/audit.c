/* audit.c — the hash of an audit row. Netstrings, because without lengths two rows could share one text. Called by the
 * store when it writes and verifies, and by `kedge audit verify`. */
#include "proto/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/buf.h"
#include "proto/codec.h"

#define ROW_MAX (4 << 20)

static void netstring(struct buf *out, const char *text)
{
	buf_fmt(out, "%zu:%s,", strlen(text), text);
}

static void netstring_int(struct buf *out, int64_t number)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRId64, number);
	netstring(out, text);
}

int audit_row_hash(const struct audit_row *row, char ret_hash[AUDIT_HEX_ROOM])
{
	struct buf b = BUF_INIT(ROW_MAX);
	unsigned char digest[SHA256_LEN];

	netstring(&b, row->prev);
	netstring_int(&b, row->seq);
	netstring_int(&b, row->time);
	netstring(&b, row->actor);
	netstring(&b, row->role);
	netstring(&b, row->action);
	netstring(&b, row->object);
	netstring(&b, row->detail);
	int rc = b.rc;
	if (!rc) {
		sha256(b.data, b.len, digest);
		hex_encode(digest, sizeof digest, ret_hash);
	}
	buf_free(&b);
	return rc;
}
