/* record.c — writes, reads, signs and chains report lines. Refuses every line whose bytes are not in the one form that
 * record_append() writes: with a second spelling, the signed bytes and the read values could differ. */
#include "proto/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <cJSON.h>

#include "proto/jsonw.h"
#include "proto/pubkey.h"
#include "proto/signkey.h"

#define SIG_LEN      64
#define SIG_TAIL_LEN (sizeof(",\"sig\":\"\"}") - 1 + 2 * SIG_LEN)

static const struct strict_limits record_limits = {
	.max_bytes = RECORD_MAX_BYTES, .max_nodes = 20000, .max_depth = 16
};

static const char *const kind_names[] = { [RECORD_EPOCH] = "epoch",
	[RECORD_APPLY] = "apply",
	[RECORD_DRIFT] = "drift",
	[RECORD_SOCKETS] = "sockets",
	[RECORD_STATUS] = "status",
	[RECORD_REFUSAL] = "refusal",
	[RECORD_GAP] = "gap",
	[RECORD_OVERRIDE] = "override",
	[RECORD_KINDS] = NULL };

const char *record_kind_name(enum record_kind k)
{
	return kind_names[k];
}

/* Everything before the signature, without the closing brace. */
static void unsigned_line(const struct chain *c, enum record_kind kind, int64_t time, const char *boot_id,
        const char *body, size_t body_len, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out, 0);
	char epoch[17];

	snprintf(epoch, sizeof epoch, "%016" PRIx64, c->epoch);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "host", c->host);
	jsonw_string(&w, "epoch", epoch);
	jsonw_int(&w, "seq", c->seq + 1);
	jsonw_hex(&w, "prev", c->head, sizeof c->head);
	jsonw_time(&w, "time", time);
	jsonw_string(&w, "boot_id", boot_id);
	jsonw_string(&w, "kind", record_kind_name(kind));
	jsonw_raw(&w, "body", body, body_len);
}

int record_append(struct chain *c, enum record_kind kind, int64_t time, const char *boot_id, const char *body,
        size_t body_len, const struct signkey *key, struct buf *out, struct fault *f)
{
	struct buf line = BUF_INIT(RECORD_MAX_BYTES), sig = BUF_INIT(SIG_LEN);
	char hex[2 * SIG_LEN + 1];
	int rc;

	unsigned_line(c, kind, time, boot_id, body, body_len, &line);
	buf_char(&line, '}');
	if ((rc = line.rc) || (rc = signkey_sign(key, buf_text(&line), line.len, &sig, f)))
		goto out;
	if (sig.len != SIG_LEN) {
		rc = fault_set(f, KE_KEY, NULL, NULL, "records are signed with ed25519 keys only");
		goto out;
	}
	line.len--; /* the brace comes back behind the signature */
	buf_fmt(&line, ",\"sig\":\"%s\"}", hex_encode(sig.data, sig.len, hex));
	size_t before = out->len;
	buf_bytes(out, buf_text(&line), line.len);
	buf_char(out, '\n');
	if ((rc = line.rc ? line.rc : out->rc)) {
		out->len = before;
		goto out;
	}
	c->seq++;
	sha256(line.data, line.len, c->head);
out:
	if (rc == KE_TOOBIG)
		fault_set(
		        f, rc, record_kind_name(kind), NULL, "the record exceeds %d bytes", RECORD_MAX_BYTES);
	buf_free(&line);
	buf_free(&sig);
	return rc;
}

static int read_hex64(const struct place *doc, const char *name, uint64_t *ret, struct fault *f)
{
	unsigned char bytes[8];
	int rc = read_hex(doc, name, bytes, sizeof bytes, f);

	if (rc)
		return rc;
	*ret = 0;
	for (size_t i = 0; i < sizeof bytes; i++)
		*ret = *ret << 8 | bytes[i];
	return KE_OK;
}

/* Are the members exactly ours, in our order? */
static int check_order(const struct place *doc, struct fault *f)
{
	static const char *const order[] = { "host", "epoch", "seq", "prev", "time", "boot_id", "kind",
		"body", "sig", NULL };
	struct place item = { 0 };
	size_t i = 0;

	if (!place_is_object(doc))
		return place_fault(doc, f, KE_SCHEMA, NULL, "must be an object");
	for (; place_next(doc, &item); i++)
		if (!order[i] || strcmp(order[i], item.name) != 0)
			return place_fault(doc, f, KE_SCHEMA, NULL,
			        "member '%.40s' stands where '%s' belongs", item.name,
			        order[i] ? order[i] : "the end");
	return order[i] ? place_fault(doc, f, KE_SCHEMA, NULL, "member '%s' is missing", order[i]) : KE_OK;
}

/* Does the fixed part of LINE have the bytes that record_append() would write for R's values? */
static bool same_spelling(const char *line, size_t len, const struct record *r)
{
	struct chain c = { .epoch = r->epoch, .seq = r->seq - 1 };
	struct buf again = BUF_INIT(1024);
	bool same;

	memcpy(c.host, r->host, sizeof c.host);
	memcpy(c.head, r->prev, sizeof c.head);
	unsigned_line(&c, r->kind, r->time, r->boot_id, "{", 1, &again);
	same = !again.rc && again.len <= len && memcmp(line, again.data, again.len) == 0;
	buf_free(&again);
	if (!same || len < SIG_TAIL_LEN)
		return false;
	const char *tail = line + len - SIG_TAIL_LEN;
	return memcmp(tail, ",\"sig\":\"", 8) == 0 && strspn(tail + 8, "0123456789abcdef") >= 2 * SIG_LEN &&
	       memcmp(tail + 8 + 2 * SIG_LEN, "\"}", 2) == 0;
}

static int read_head(struct record *r, struct fault *f)
{
	const char *host, *boot_id;
	unsigned kind;
	unsigned char sig[SIG_LEN];
	int rc;

	if ((rc = check_order(&r->doc, f)) || (rc = read_string(&r->doc, "host", 1, 63, &host, f)) ||
	        (rc = read_hex64(&r->doc, "epoch", &r->epoch, f)) ||
	        (rc = read_int(&r->doc, "seq", 1, STRICT_INT_MAX, &r->seq, f)) ||
	        (rc = read_hex(&r->doc, "prev", r->prev, sizeof r->prev, f)) ||
	        (rc = read_time(&r->doc, "time", &r->time, f)) ||
	        (rc = read_string(&r->doc, "boot_id", BOOT_ID_ROOM - 1, BOOT_ID_ROOM - 1, &boot_id, f)) ||
	        (rc = read_word(&r->doc, "kind", kind_names, &kind, f)) ||
	        (rc = read_object(&r->doc, "body", &r->body, f)) ||
	        (rc = read_hex(&r->doc, "sig", sig, sizeof sig, f)))
		return rc;
	snprintf(r->host, sizeof r->host, "%s", host);
	snprintf(r->boot_id, sizeof r->boot_id, "%s", boot_id);
	r->kind = (enum record_kind)kind;
	return KE_OK;
}

int record_parse(const char *line, size_t len, struct record *ret, struct fault *f)
{
	*ret = (struct record){ 0 };
	int rc = strict_parse(line, len, &record_limits, &ret->tree, f);

	if (rc)
		return rc;
	ret->doc = place_root(ret->tree);
	if ((rc = read_head(ret, f)))
		return rc;
	if (!same_spelling(line, len, ret))
		return fault_set(
		        f, KE_SCHEMA, "(document)", NULL, "is not written in the one form that records have");
	sha256(line, len, ret->digest);
	return KE_OK;
}

int record_verify(const char *line, size_t len, const unsigned char key[RECORD_KEY_LEN], struct fault *f)
{
	unsigned char sig[SIG_LEN];
	char object[256], hex[2 * RECORD_KEY_LEN + 1];
	struct buf text = BUF_INIT(RECORD_MAX_BYTES);
	struct pubkey *pub = NULL;

	if (len <= SIG_TAIL_LEN || !hex_decode(line + len - SIG_TAIL_LEN + 8, 2 * SIG_LEN, sig, sizeof sig))
		return fault_set(f, KE_SIGNATURE, NULL, NULL, "the line does not end in a signature");
	int n = snprintf(object, sizeof object,
	        "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"%s\"}}",
	        hex_encode(key, RECORD_KEY_LEN, hex));
	int rc = pubkey_load(object, (size_t)n, &pub, f);
	buf_bytes(&text, line, len - SIG_TAIL_LEN);
	buf_char(&text, '}');
	if (!rc)
		rc = text.rc;
	if (!rc && (rc = pubkey_verify(pub, text.data, text.len, sig, sizeof sig)))
		fault_set(f, rc, NULL, NULL, "the signature is not by this host's record key");
	pubkey_free(pub);
	buf_free(&text);
	return rc;
}

int chain_continue(struct chain *c, const struct record *r, struct fault *f)
{
	char where[48];

	snprintf(where, sizeof where, "seq %" PRId64, r->seq);
	if (strcmp(c->host, r->host) != 0)
		return fault_set(f, KE_CHAIN, where, NULL, "is host %s's record, not %s's", r->host, c->host);
	if (c->epoch != r->epoch)
		return fault_set(f, KE_CHAIN, where, NULL, "belongs to epoch %016" PRIx64 ", not %016" PRIx64,
		        r->epoch, c->epoch);
	if (r->seq != c->seq + 1)
		return fault_set(f, KE_CHAIN, where, NULL, "does not follow seq %" PRId64, c->seq);
	if (memcmp(r->prev, c->head, sizeof c->head) != 0)
		return fault_set(
		        f, KE_CHAIN, where, NULL, "names another record before it than the one we have");
	if ((r->kind == RECORD_EPOCH) != (r->seq == 1))
		return fault_set(
		        f, KE_CHAIN, where, NULL, "an epoch begins with its 'epoch' record, and only there");
	c->seq = r->seq;
	memcpy(c->head, r->digest, sizeof c->head);
	return KE_OK;
}

void record_clear(struct record *r)
{
	cJSON_Delete(r->tree);
	*r = (struct record){ 0 };
}

int record_epoch_read(const struct record *r, struct record_epoch *ret, struct fault *f)
{
	static const char *const known[] = { "record_key", "after", "agent_version", NULL };
	static const char *const after_known[] = { "epoch", "seq", "head", NULL };
	struct record_epoch e = { 0 };
	struct place after;
	int rc;

	if ((rc = read_members(&r->body, known, f)) ||
	        (rc = read_hex(&r->body, "record_key", e.key, sizeof e.key, f)))
		return rc;
	e.has_after = read_has(&r->body, "after");
	if (e.has_after && ((rc = read_object(&r->body, "after", &after, f)) ||
	                           (rc = read_members(&after, after_known, f)) ||
	                           (rc = read_hex64(&after, "epoch", &e.after_epoch, f)) ||
	                           (rc = read_int(&after, "seq", 0, STRICT_INT_MAX, &e.after_seq, f)) ||
	                           (rc = read_hex(&after, "head", e.after_head, sizeof e.after_head, f))))
		return rc;
	*ret = e;
	return KE_OK;
}

void record_epoch_write(const struct record_epoch *e, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out, 0);
	char epoch[17];

	jsonw_object(&w, NULL);
	jsonw_hex(&w, "record_key", e->key, sizeof e->key);
	if (e->has_after) {
		snprintf(epoch, sizeof epoch, "%016" PRIx64, e->after_epoch);
		jsonw_object(&w, "after");
		jsonw_string(&w, "epoch", epoch);
		jsonw_int(&w, "seq", e->after_seq);
		jsonw_hex(&w, "head", e->after_head, sizeof e->after_head);
		jsonw_object_end(&w);
	}
	jsonw_string(&w, "agent_version", KEDGE_VERSION);
	jsonw_object_end(&w);
}

int record_key(const struct signkey *key, unsigned char ret[RECORD_KEY_LEN])
{
	struct place doc = place_root(signkey_public(key)), keyval;
	int rc = signkey_kind(key) == SIGNKEY_ED25519 ? KE_OK : KE_KEY;

	if (!rc)
		rc = read_object(&doc, "keyval", &keyval, NULL);
	return rc ? rc : read_hex(&keyval, "public", ret, RECORD_KEY_LEN, NULL);
}
