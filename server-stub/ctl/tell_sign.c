/* tell_sign.c — shows before it is signed what a signature is going to say, and after it whose signatures are missing. A
 * person who signs what another one made has nothing but these lines to judge by, so they are made from the bytes that
 * are signed. Called by every command that signs. */
#include "server-stub/ctl/tell_sign.h"

#include <string.h>
#include <unistd.h>

#include "proto/fileio.h"
#include "proto/tuf.h"
#include "server-stub/ctl/meta_diff.h"
#include "server-stub/ctl/writer.h"

#define DIFF_MAX (64U << 20)

/* Each line of LINES as text, indented, or as a string of the array "changes". */
static void changes(struct ctl *c, struct jsonw *json, const struct buf *lines)
{
	if (json)
		jsonw_array(json, "changes");
	for (const char *p = buf_text(lines); *p;) {
		size_t n = strcspn(p, "\n");
		if (json)
			jsonw_string_n(json, NULL, p, n);
		else
			buf_fmt(&c->out, "  %.*s\n", (int)n, p);
		p += n + (p[n] == '\n');
	}
	if (json)
		jsonw_array_end(json);
}

static int one(struct ctl *c, const char *role, int64_t version, int64_t expires, const struct cJSON *old,
        const struct cJSON *new, struct jsonw *json, struct fault *f)
{
	struct buf lines = BUF_INIT(DIFF_MAX);
	char time[TIME_TEXT_ROOM];
	int rc = new ? meta_diff(role, old, new, &lines, f) : KE_OK;

	if (!rc && json) {
		jsonw_object(json, NULL);
		jsonw_string(json, "role", role);
		jsonw_int(json, "version", version);
		jsonw_time(json, "expires", expires);
		changes(c, json, &lines);
		jsonw_object_end(json);
	} else if (!rc) {
		buf_str(&c->out, "to sign: ");
		text_safe(&c->out, role);
		buf_fmt(&c->out, " version %lld, expires %s\n", (long long)version,
		        time_format(expires, time));
		changes(c, NULL, &lines);
	}
	buf_free(&lines);
	return rc;
}

/* Out with it: what follows is done only after this was said. */
static int say(struct ctl *c, struct fault *f)
{
	if (c->out.rc || file_write_all(STDOUT_FILENO, buf_text(&c->out), c->out.len))
		return fault_set(
		        f, KE_IO, NULL, NULL, "cannot be told on standard output; nothing was signed");
	buf_clear(&c->out);
	return KE_OK;
}

static int one_pending(struct ctl *c, const struct release *r, const struct release_pending *p,
        struct jsonw *json, struct fault *f)
{
	struct envelope *env = NULL;
	int rc = p->data ? envelope_open(p->data, p->len, &env, f) : KE_OK;

	if (!rc)
		rc = one(c, p->role, p->version, p->expires, release_published(r, p->role),
		        env ? envelope_claims(env).node : NULL, json, f);
	envelope_free(env);
	return rc;
}

int tell_signing(struct ctl *c, const struct release *r, const struct release_pendings *list,
        struct jsonw *json, struct fault *f)
{
	int rc = KE_OK;

	if (json)
		jsonw_array(json, "signing");
	for (size_t i = 0; i < list->n && !rc; i++)
		if (!list->list[i].ready)
			rc = one_pending(c, r, &list->list[i], json, f);
	if (json)
		jsonw_array_end(json);
	return rc || json ? rc : say(c, f);
}

int tell_file(
        struct ctl *c, const char *role, const void *data, size_t len, struct jsonw *json, struct fault *f)
{
	struct envelope *env = NULL;
	struct tuf_header h = { 0 };
	int rc = envelope_open(data, len, &env, f);

	if (rc)
		return rc;
	struct place part = envelope_claims(env);
	rc = tuf_header_parse(&part, role, &h, f);
	if (json)
		jsonw_array(json, "signing");
	if (!rc)
		rc = one(c, role, h.version, h.expires, NULL, part.node, json, f);
	if (json)
		jsonw_array_end(json);
	envelope_free(env);
	return rc || json ? rc : say(c, f);
}

/* ---- what waits ---- */

static void pending_json(const struct release_pending *p, struct jsonw *json)
{
	jsonw_object(json, NULL);
	jsonw_string(json, "role", p->role);
	jsonw_int(json, "version", p->version);
	jsonw_time(json, "expires", p->expires);
	if (p->data)
		jsonw_string(json, "file", p->name);
	jsonw_bool(json, "ready", p->ready);
	jsonw_int(json, "have", p->have);
	jsonw_int(json, "need", p->need);
	if (p->need_before) {
		jsonw_int(json, "have_before", p->have_before);
		jsonw_int(json, "need_before", p->need_before);
	}
	jsonw_array(json, "may_sign");
	for (size_t i = 0; i < p->n_may; i++)
		jsonw_string(json, NULL, p->may[i]);
	jsonw_array_end(json);
	jsonw_object_end(json);
}

static void pending_text(struct ctl *c, const struct release_pending *p)
{
	buf_str(&c->out, "pending: ");
	text_safe(&c->out, p->role);
	buf_fmt(&c->out, " version %lld ", (long long)p->version);
	if (p->ready) {
		buf_str(&c->out, "has all its signatures\n");
		return;
	}
	if (!p->data) {
		buf_str(&c->out, "is signed when the others are complete\n");
		return;
	}
	buf_fmt(&c->out, "has %u of %u signatures", p->have, p->need);
	if (p->need_before)
		buf_fmt(&c->out, ", and %u of %u by keys of the root before it", p->have_before,
		        p->need_before);
	buf_str(&c->out, "; may sign:");
	for (size_t i = 0; i < p->n_may; i++)
		buf_fmt(&c->out, " %.8s", p->may[i]);
	buf_char(&c->out, '\n');
}

void tell_pending(struct ctl *c, const char *dir, const struct release_pendings *list, struct jsonw *json)
{
	if (json) {
		jsonw_array(json, "pending");
		for (size_t i = 0; i < list->n; i++)
			pending_json(&list->list[i], json);
		jsonw_array_end(json);
		return;
	}
	for (size_t i = 0; i < list->n; i++)
		pending_text(c, &list->list[i]);
	if (list->n)
		buf_fmt(&c->out,
		        "nothing is published yet: run kedge repo sign %s with such a key, or carry the "
		        "files in %s/pending to who has one\n",
		        dir, dir);
}
