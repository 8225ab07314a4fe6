/* trust.c — the trusted set as a machine of questions and answers; the rules are in trust_refresh.c and trust_find.c.
 *
 * A step is either local (LOAD) or remote (FETCH); what a step adopted is queued as an event and told before the next
 * question. Called by the keeper (through the courier's bytes), the CLI, and the conformance client. */
#include "proto/trust.h"

#include <stdlib.h>
#include <string.h>

#include "proto/trust_state.h"

void trust_event_add(struct trust *t, enum trust_ask ask, const char *role, const struct trust_doc *doc)
{
	t->events[t->n_events++] = (struct trust_event){ ask, role, doc };
}

int trust_new(const void *root, size_t len, struct trust **ret, struct fault *f)
{
	struct trust *t = calloc(1, sizeof *t);
	int rc;

	if (!t)
		return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
	rc = len > TUF_ROOT_MAX ? fault_set(f, KE_TOOBIG, NULL, NULL, "more than %d bytes", TUF_ROOT_MAX)
	                        : trust_doc_open(TUF_ROOT, root, len, NULL, &t->root, f);
	if (rc) {
		fault_at(f, "trusted root");
		trust_free(t);
		return rc;
	}
	*ret = t;
	return KE_OK;
}

void trust_free(struct trust *t)
{
	if (!t)
		return;
	trust_search_reset(t);
	trust_roles_free(t);
	trust_doc_free(&t->root);
	trust_doc_free(&t->timestamp);
	trust_doc_free(&t->snapshot);
	trust_doc_free(&t->targets);
	free(t);
}

int trust_replay(struct trust *t, const void *root, size_t len, struct fault *f)
{
	struct trust_doc doc = { 0 };
	int rc = trust_root_open(t, root, len, &doc, f);

	if (!rc)
		trust_doc_move(&t->root, &doc);
	return rc;
}

void trust_begin(struct trust *t, int64_t now)
{
	trust_search_reset(t);
	trust_roles_free(t);
	t->now = now;
	t->ready = false;
	t->root_steps = 0;
	t->n_events = t->next_event = 0;
	t->step = STEP_ROOT;
}

size_t trust_cap(const struct tuf_meta *meta, size_t fallback)
{
	if (!meta || meta->length < 0)
		return fallback;
	return meta->length > TUF_META_MAX ? TUF_META_MAX : (size_t)meta->length;
}

static void ask(const struct trust *t, enum trust_ask what, const char *role, int64_t version, size_t max,
        struct trust_request *ret)
{
	bool versioned = what == TRUST_FETCH && (t->root.root->consistent_snapshot || t->step == STEP_ROOT);

	*ret = (struct trust_request){ .ask = what, .role = role, .max = max };
	tuf_file_name(role, versioned ? version : 0, ret->file);
}

/* The question that belongs to the step. */
static void step_ask(const struct trust *t, struct trust_request *ret)
{
	bool local = t->step == STEP_TIMESTAMP_LOCAL || t->step == STEP_SNAPSHOT_LOCAL ||
	             t->step == STEP_TARGETS_LOCAL || t->step == STEP_ROLE_LOCAL;
	enum trust_ask what = local ? TRUST_LOAD : TRUST_FETCH;
	const struct tuf_meta *meta;
	const char *name;

	switch (t->step) {
	case STEP_ROOT:
		ask(t, what, "root", t->root.root->header.version + 1, TUF_ROOT_MAX, ret);
		return;
	case STEP_TIMESTAMP_LOCAL:
	case STEP_TIMESTAMP:
		ask(t, what, "timestamp", 0, TUF_TIMESTAMP_MAX, ret);
		return;
	case STEP_SNAPSHOT_LOCAL:
		ask(t, what, "snapshot", 0, TUF_META_MAX, ret);
		return;
	case STEP_SNAPSHOT:
		meta = &t->timestamp.timestamp->snapshot;
		ask(t, what, "snapshot", meta->version, trust_cap(meta, TUF_SNAPSHOT_MAX), ret);
		return;
	default:
		name = t->step == STEP_ROLE_LOCAL || t->step == STEP_ROLE ? t->edge.edge->name : "targets";
		meta = tuf_snapshot_find(t->snapshot.snapshot, name);
		ask(t, what, name, meta ? meta->version : 0, trust_cap(meta, TUF_TARGETS_MAX), ret);
	}
}

/* Remember why, and prefix the file that was asked for. A search that ends badly does not spoil the refresh. */
static int give_up(struct trust *t, int code, struct fault *f)
{
	struct trust_request asked;
	bool searching = t->step == STEP_SEARCH || t->step == STEP_ROLE_LOCAL || t->step == STEP_ROLE;

	if (t->step == STEP_ROOT && code == KE_EXPIRED) {
		fault_at(f, "root.json"); /* the last one, not the next one that does not exist */
	} else if (t->step != STEP_SEARCH) {
		step_ask(t, &asked);
		fault_at(f, "%s", asked.file);
	}
	if (searching) {
		trust_search_reset(t);
		t->step = STEP_READY;
	} else {
		t->why = *f;
		t->step = STEP_FAILED;
	}
	return code;
}

static bool is_local(const struct trust *t)
{
	return t->step == STEP_TIMESTAMP_LOCAL || t->step == STEP_SNAPSHOT_LOCAL ||
	       t->step == STEP_TARGETS_LOCAL || t->step == STEP_ROLE_LOCAL;
}

int trust_give(struct trust *t, const void *data, size_t len, struct fault *f)
{
	struct trust_request asked;
	struct fault own = { 0 };
	int rc = KE_OK;

	if (t->step == STEP_IDLE || t->step == STEP_READY || t->step == STEP_SEARCH ||
	        t->step == STEP_FAILED || t->next_event < t->n_events)
		return fault_set(f, KE_USAGE, NULL, NULL, "nothing was asked for");
	step_ask(t, &asked);
	if (data && len > asked.max) {
		if (is_local(t))
			data = NULL;
		else
			rc = fault_set(&own, KE_TOOBIG, NULL, NULL, "more than %zu bytes", asked.max);
	}
	if (!rc && !data && !is_local(t) && t->step != STEP_ROOT)
		rc = fault_set(&own, KE_NOENT, NULL, NULL, "the repository does not have it");
	if (!rc)
		rc = trust_step_give(t, data, len, &own);
	if (rc) {
		/* What was adopted before the failure is still to be stored: 5.3.10 keeps an expired last root. */
		give_up(t, rc, &own);
		if (f)
			*f = own;
	}
	return rc;
}

/* What the object holds from an earlier refresh stands in for the caller's copy. */
static const struct trust_doc *in_memory(const struct trust *t)
{
	const struct trust_doc *doc = t->step == STEP_TIMESTAMP_LOCAL  ? &t->timestamp
	                              : t->step == STEP_SNAPSHOT_LOCAL ? &t->snapshot
	                              : t->step == STEP_TARGETS_LOCAL  ? &t->targets
	                                                               : NULL;

	return doc && doc->data ? doc : NULL;
}

static bool next_event(struct trust *t, struct trust_request *ret)
{
	if (t->next_event == t->n_events) {
		t->n_events = t->next_event = 0;
		return false;
	}
	const struct trust_event *e = &t->events[t->next_event++];
	ask(t, e->ask, e->role, 0, 0, ret);
	if (e->doc) {
		ret->data = e->doc->data;
		ret->len = e->doc->len;
	}
	return true;
}

int trust_next(struct trust *t, struct trust_request *ret, struct fault *f)
{
	const struct trust_doc *own;
	int rc;

	if (next_event(t, ret))
		return KE_OK;
	while ((own = in_memory(t)))
		if ((rc = trust_give(t, own->data, own->len, f)))
			return rc;
	if (t->step == STEP_SEARCH) {
		struct fault why = { 0 };
		rc = trust_search_step(t, &why);
		if (rc) {
			give_up(t, rc, &why);
			if (f)
				*f = why;
			return rc;
		}
	}
	if (t->step == STEP_FAILED) {
		if (f)
			*f = t->why;
		return t->why.code;
	}
	if (t->step == STEP_IDLE || t->step == STEP_READY)
		*ret = (struct trust_request){ .ask = TRUST_DONE };
	else
		step_ask(t, ret);
	return KE_OK;
}

bool trust_ready(const struct trust *t)
{
	return t->ready;
}

static const struct trust_doc *top_doc(const struct trust *t, enum tuf_top role)
{
	const struct trust_doc *docs[TUF_TOP_COUNT] = { &t->root, &t->timestamp, &t->snapshot, &t->targets };

	return docs[role];
}

int64_t trust_version(const struct trust *t, enum tuf_top role)
{
	const struct tuf_header *header = trust_doc_header(top_doc(t, role));

	return header ? header->version : 0;
}

int64_t trust_expires(const struct trust *t, enum tuf_top role)
{
	const struct tuf_header *header = trust_doc_header(top_doc(t, role));

	return header ? header->expires : 0;
}

const struct tuf_targets *trust_targets(const struct trust *t)
{
	return t->ready ? t->targets.targets : NULL;
}

const struct tuf_snapshot *trust_snapshot(const struct trust *t)
{
	return t->ready ? t->snapshot.snapshot : NULL;
}

const struct tuf_root *trust_root(const struct trust *t)
{
	return t->root.root;
}
