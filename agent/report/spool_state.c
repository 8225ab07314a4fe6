/* spool_state.c — the file "state" beside the segments: which epoch counts, what the server has of it, and whose key signed
 * it. Replaced whole and durably, so that switching to a new epoch is one rename. Without it nothing is lost: everything
 * in the segments is sent again, and the server knows its own by their hashes. Called by the other spool files.
 */
#include "agent/report/spool_in.h"

#include <inttypes.h>
#include <stdio.h>

#include <cJSON.h>

#include "proto/fileio.h"
#include "proto/jsonw.h"
#include "proto/reader.h"

#define STATE_NAME "state"
#define STATE_MAX  4096

static void hex64_write(struct jsonw *w, const char *name, uint64_t v)
{
	char hex[17];

	snprintf(hex, sizeof hex, "%016" PRIx64, v);
	jsonw_string(w, name, hex);
}

static int hex64_read(const struct place *at, const char *name, uint64_t *ret, struct fault *f)
{
	unsigned char b[8];
	int rc = read_hex(at, name, b, sizeof b, f);

	if (rc)
		return rc;
	*ret = 0;
	for (size_t i = 0; i < sizeof b; i++)
		*ret = *ret << 8 | b[i];
	return KE_OK;
}

int state_write(int dir_fd, const struct state *st, struct fault *f)
{
	struct buf out = BUF_INIT(STATE_MAX);
	struct jsonw w = JSONW_INIT(&out, 0);

	jsonw_object(&w, NULL);
	jsonw_int(&w, "kedge_spool", 1);
	hex64_write(&w, "epoch", st->epoch);
	jsonw_int(&w, "acked", st->acked);
	jsonw_hex(&w, "record_key", st->pub, sizeof st->pub);
	jsonw_object(&w, "server");
	hex64_write(&w, "epoch", st->known.epoch);
	jsonw_int(&w, "seq", st->known.seq);
	jsonw_hex(&w, "head", st->known.head, sizeof st->known.head);
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	buf_char(&out, '\n');
	int rc = out.rc ? out.rc
	                : file_replace_at(dir_fd, STATE_NAME, out.data, out.len, 0600, FILE_DURABLE, f);
	buf_free(&out);
	return rc;
}

static int state_from(const struct place *doc, struct state *st, struct fault *f)
{
	static const char *const known[] = { "kedge_spool", "epoch", "acked", "record_key", "server", NULL };
	struct place server;
	int64_t form;
	int rc;

	if ((rc = read_members(doc, known, f)) || (rc = read_int(doc, "kedge_spool", 1, 1, &form, f)) ||
	        (rc = hex64_read(doc, "epoch", &st->epoch, f)) ||
	        (rc = read_int(doc, "acked", 0, STRICT_INT_MAX, &st->acked, f)) ||
	        (rc = read_hex(doc, "record_key", st->pub, sizeof st->pub, f)) ||
	        (rc = read_object(doc, "server", &server, f)) ||
	        (rc = hex64_read(&server, "epoch", &st->known.epoch, f)) ||
	        (rc = read_int(&server, "seq", 0, STRICT_INT_MAX, &st->known.seq, f)))
		return rc;
	return read_hex(&server, "head", st->known.head, sizeof st->known.head, f);
}

int state_read(int dir_fd, struct state *ret, struct fault *f)
{
	struct state st = { 0 };
	struct cJSON *tree = NULL;
	char *text;
	size_t len;
	int rc = file_read_at(dir_fd, STATE_NAME, STATE_MAX, &text, &len, f);

	if (rc)
		return rc;
	if (!(rc = strict_parse(text, len, &strict_limits_default, &tree, f))) {
		struct place doc = place_root(tree);
		rc = state_from(&doc, &st, f);
	}
	cJSON_Delete(tree);
	file_free(text);
	if (rc)
		fault_at(f, "%s", STATE_NAME);
	else
		*ret = st;
	return rc;
}

int state_save(const struct spool *s, struct fault *f)
{
	struct state st = { .epoch = s->chain.epoch, .acked = s->acked, .known = s->known };

	for (size_t i = 0; i < sizeof st.pub; i++)
		st.pub[i] = s->pub[i];
	return state_write(s->dir_fd, &st, f);
}
