/* rollout.c — the rollout document and the host's own decision about it. Pure. Used by the keeper (may I adopt this?), the
 * CLI (write and preview) and the server (who should be where). Refuses plans that a person could misread: waves out of
 * order, windows of no length, canaries behind a share. */
#include "policies/rollout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "policies/policy.h"
#include "proto/clock.h"
#include "proto/jsonw.h"
#include "proto/reader.h"

#define YEAR (366 * 86400LL)

static const struct strict_limits rollout_limits = {
	.max_bytes = ROLLOUT_MAX_BYTES, .max_nodes = 40000, .max_depth = 8
};

static int read_target(const struct place *doc, struct rollout *r, struct fault *f)
{
	static const char *const known[] = { "path", "length", "sha256", NULL };
	struct place at;
	const char *path;
	char expected[128];
	int rc;

	if ((rc = read_object(doc, "target", &at, f)) || (rc = read_members(&at, known, f)) ||
	        (rc = read_string(&at, "path", 1, 255, &path, f)) ||
	        (rc = read_int(&at, "length", 1, 1 << 24, &r->target_length, f)) ||
	        (rc = read_hex(&at, "sha256", r->target_sha256, sizeof r->target_sha256, f)))
		return rc;
	snprintf(expected, sizeof expected, "policies/%s/%lld.json", r->policy, (long long)r->version);
	if (strcmp(path, expected) != 0)
		return place_fault(&at, f, KE_MISMATCH, NULL, "path must be '%s'", expected);
	r->target_path = strdup(path);
	return r->target_path ? KE_OK : KE_NOMEM;
}

static int read_canaries(const struct place *wave, struct rollout_wave *w, struct fault *f)
{
	struct place list, item = { 0 };
	int rc = read_array(wave, "canaries", &list, f);

	if (rc)
		return rc;
	size_t count = place_count(&list);
	if (!count || count > ROLLOUT_MAX_CANARIES)
		return place_fault(
		        &list, f, KE_RANGE, NULL, "1 to %d host ids are allowed", ROLLOUT_MAX_CANARIES);
	if (!(w->canaries = calloc(count, sizeof *w->canaries)))
		return KE_NOMEM;
	while (place_next(&list, &item)) {
		const char *id;
		if ((rc = place_string(&item, 1, 63, &id, f)))
			return rc;
		if (!(w->canaries[w->n_canaries] = strdup(id)))
			return KE_NOMEM;
		w->n_canaries++;
	}
	return KE_OK;
}

static int read_wave(const struct place *at, struct rollout *r, struct fault *f)
{
	static const char *const known[] = { "canaries", "share", "opens_after", "opens_before", NULL };
	const struct rollout_wave *before = r->n_waves ? &r->waves[r->n_waves - 1] : NULL;
	struct rollout_wave *w = &r->waves[r->n_waves++];
	int rc;

	if ((rc = read_members(at, known, f)) ||
	        (rc = read_int(at, "opens_after", 0, YEAR, &w->opens_after, f)) ||
	        (rc = read_int(at, "opens_before", w->opens_after + 1, 2 * YEAR, &w->opens_before, f)))
		return rc;
	if (read_has(at, "canaries") == read_has(at, "share"))
		return place_fault(at, f, KE_SCHEMA, NULL, "needs either 'canaries' or 'share'");
	if (read_has(at, "canaries")) {
		if (before)
			return place_fault(
			        at, f, KE_SCHEMA, NULL, "canaries may stand in the first wave only");
		return read_canaries(at, w, f);
	}
	if ((rc = read_int(at, "share", before ? before->share + 1 : 1, ROLLOUT_SHARE_ALL, &w->share, f)))
		return rc;
	if (before && w->opens_after < before->opens_after)
		return place_fault(at, f, KE_RANGE, NULL, "opens before the wave in front of it");
	return KE_OK;
}

static int read_waves(const struct place *doc, struct rollout *r, struct fault *f)
{
	struct place list, item = { 0 }, gates;
	int rc;

	if ((rc = read_hex(doc, "salt", r->salt, sizeof r->salt, f)) ||
	        (rc = read_time(doc, "start", &r->start, f)) || (rc = read_array(doc, "waves", &list, f)))
		return rc;
	size_t count = place_count(&list);
	if (!count || count > ROLLOUT_MAX_WAVES)
		return place_fault(&list, f, KE_RANGE, NULL, "1 to %d waves are allowed", ROLLOUT_MAX_WAVES);
	if (!(r->waves = calloc(count, sizeof *r->waves)))
		return KE_NOMEM;
	while (!rc && place_next(&list, &item))
		rc = read_wave(&item, r, f);
	if (!rc && read_has(doc, "gates") && !(rc = read_object(doc, "gates", &gates, f)))
		rc = gates_parse(&gates, &r->gates, f);
	return rc;
}

static int refuse_waves(const struct place *doc, struct fault *f)
{
	static const char *const none[] = { "salt", "start", "waves", "gates", NULL };

	for (size_t i = 0; none[i]; i++)
		if (read_has(doc, none[i]))
			return place_fault(
			        doc, f, KE_SCHEMA, NULL, "a standing rollout has no '%s'", none[i]);
	return KE_OK;
}

static int read_document(const struct place *doc, struct rollout *r, struct fault *f)
{
	static const char *const known[] = { "kedge_rollout", "policy", "version", "serial", "action",
		"target", "selector", "salt", "start", "waves", "gates", "windows", "standing", "why", NULL };
	static const char *const actions[] = { "apply", "remove", NULL };
	const char *policy, *why;
	struct place selector, windows;
	int64_t format;
	unsigned action;
	int rc;

	if ((rc = read_members(doc, known, f)) || (rc = read_int(doc, "kedge_rollout", 1, 1, &format, f)) ||
	        (rc = read_string(doc, "policy", 1, POLICY_NAME_MAX, &policy, f)) ||
	        (rc = read_word(doc, "action", actions, &action, f)) ||
	        (rc = read_int(doc, "serial", 1, STRICT_INT_MAX, &r->serial, f)) ||
	        (rc = read_opt_bool(doc, "standing", &r->standing, false, f)) ||
	        (rc = read_opt_string(doc, "why", 1000, &why, NULL, f)))
		return rc;
	if (!policy_name_valid(policy))
		return place_fault(doc, f, KE_NAME, NULL, "'%s' is no policy name", policy);
	r->action = (enum rollout_action)action;
	r->gates = gates_none();
	if (!(r->policy = strdup(policy)) || (why && !(r->why = strdup(why))))
		return KE_NOMEM;
	if (r->action == ROLLOUT_APPLY) {
		if ((rc = read_int(doc, "version", 1, STRICT_INT_MAX, &r->version, f)) ||
		        (rc = read_target(doc, r, f)))
			return rc;
	} else if (read_has(doc, "target") || read_has(doc, "version")) {
		return place_fault(doc, f, KE_SCHEMA, NULL, "a removal has neither 'target' nor 'version'");
	}
	if (read_has(doc, "selector") && ((rc = read_object(doc, "selector", &selector, f)) ||
	                                         (rc = selector_parse(&selector, &r->selector, f))))
		return rc;
	if (read_has(doc, "windows") && ((rc = read_array(doc, "windows", &windows, f)) ||
	                                        (rc = windows_parse(&windows, &r->windows, f))))
		return rc;
	return r->standing ? refuse_waves(doc, f) : read_waves(doc, r, f);
}

int rollout_parse(const char *json, size_t len, struct rollout **ret, struct fault *f)
{
	struct cJSON *tree = NULL;
	struct rollout *r = calloc(1, sizeof *r);
	int rc = r ? strict_parse(json, len, &rollout_limits, &tree, f) : KE_NOMEM;

	if (!rc) {
		struct place doc = place_root(tree);
		rc = read_document(&doc, r, f);
	}
	cJSON_Delete(tree);
	if (rc) {
		rollout_free(r);
		return rc == KE_NOMEM ? fault_set(f, rc, NULL, NULL, "%s", "") : rc;
	}
	*ret = r;
	return KE_OK;
}

static void print_wave(struct jsonw *w, const struct rollout_wave *wave)
{
	jsonw_object(w, NULL);
	if (wave->n_canaries) {
		jsonw_array(w, "canaries");
		for (size_t i = 0; i < wave->n_canaries; i++)
			jsonw_string(w, NULL, wave->canaries[i]);
		jsonw_array_end(w);
	} else {
		jsonw_int(w, "share", wave->share);
	}
	jsonw_int(w, "opens_after", wave->opens_after);
	jsonw_int(w, "opens_before", wave->opens_before);
	jsonw_object_end(w);
}

int rollout_print(const struct rollout *r, char **ret, size_t *ret_len)
{
	struct buf out = BUF_INIT(ROLLOUT_MAX_BYTES);
	struct jsonw w = JSONW_INIT(&out, 2);

	jsonw_object(&w, NULL);
	jsonw_int(&w, "kedge_rollout", 1);
	jsonw_string(&w, "policy", r->policy);
	if (r->action == ROLLOUT_APPLY)
		jsonw_int(&w, "version", r->version);
	jsonw_int(&w, "serial", r->serial);
	jsonw_string(&w, "action", r->action == ROLLOUT_APPLY ? "apply" : "remove");
	if (r->action == ROLLOUT_APPLY) {
		jsonw_object(&w, "target");
		jsonw_string(&w, "path", r->target_path);
		jsonw_int(&w, "length", r->target_length);
		jsonw_hex(&w, "sha256", r->target_sha256, sizeof r->target_sha256);
		jsonw_object_end(&w);
	}
	if (r->selector)
		selector_print(r->selector, &w, "selector");
	if (r->standing) {
		jsonw_bool(&w, "standing", true);
	} else {
		jsonw_hex(&w, "salt", r->salt, sizeof r->salt);
		jsonw_time(&w, "start", r->start);
		jsonw_array(&w, "waves");
		for (size_t i = 0; i < r->n_waves; i++)
			print_wave(&w, &r->waves[i]);
		jsonw_array_end(&w);
		gates_print(&r->gates, &w);
	}
	windows_print(&r->windows, &w);
	jsonw_opt_string(&w, "why", r->why);
	jsonw_object_end(&w);
	buf_char(&out, '\n');
	return buf_take(&out, ret, ret_len);
}

void rollout_free(struct rollout *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n_waves; i++) {
		for (size_t k = 0; k < r->waves[i].n_canaries; k++)
			free(r->waves[i].canaries[k]);
		free(r->waves[i].canaries);
	}
	free(r->waves);
	selector_free(r->selector);
	free(r->policy);
	free(r->target_path);
	free(r->why);
	free(r);
}

unsigned rollout_place(const unsigned char salt[ROLLOUT_SALT_LEN], const char *host)
{
	unsigned char text[ROLLOUT_SALT_LEN + 256], digest[SHA256_LEN];
	size_t len = strnlen(host, 256);
	uint64_t share = 0;

	memcpy(text, salt, ROLLOUT_SALT_LEN);
	memcpy(text + ROLLOUT_SALT_LEN, host, len);
	sha256(text, ROLLOUT_SALT_LEN + len, digest);
	for (size_t i = 0; i < 8; i++)
		share = share << 8 | digest[i];
	return (unsigned)((unsigned __int128)share * ROLLOUT_SHARE_ALL >> 64);
}

static bool wave_holds(const struct rollout_wave *w, const char *host, unsigned place)
{
	for (size_t i = 0; i < w->n_canaries; i++)
		if (strcmp(w->canaries[i], host) == 0)
			return true;
	return (int64_t)place < w->share;
}

bool rollout_wave_of(const struct rollout *r, const char *host, size_t *ret)
{
	if (r->standing) {
		*ret = 0;
		return true;
	}
	unsigned place = rollout_place(r->salt, host);
	for (size_t i = 0; i < r->n_waves; i++)
		if (wave_holds(&r->waves[i], host, place)) {
			*ret = i;
			return true;
		}
	return false;
}

bool rollout_fits(const struct rollout *r, const int64_t *counts, int64_t n)
{
	int64_t held = 0;

	for (size_t i = 0; i < r->n_waves; i++) {
		if (r->waves[i].n_canaries) /* named, not drawn */
			continue;
		held += counts[i];
		if (held > 0 && (held - 1) * ROLLOUT_SHARE_ALL >= n * r->waves[i].share)
			return false;
	}
	return true;
}

enum rollout_gate rollout_gate(const struct rollout *r, const char *host, int64_t now, size_t *ret_wave)
{
	size_t i;

	if (ret_wave)
		*ret_wave = 0;
	if (r->standing)
		return windows_open(&r->windows, now) ? ROLLOUT_OPEN : ROLLOUT_WAITS;
	if (!rollout_wave_of(r, host, &i))
		return ROLLOUT_NO_WAVE;
	const struct rollout_wave *w = &r->waves[i];
	if (ret_wave)
		*ret_wave = i;
	if (now < r->start + w->opens_after)
		return ROLLOUT_WAITS;
	if (now >= r->start + w->opens_before)
		return ROLLOUT_CLOSED;
	return windows_open(&r->windows, now) ? ROLLOUT_OPEN : ROLLOUT_WAITS;
}

int64_t rollout_opens(const struct rollout *r, size_t wave, int64_t now)
{
	int64_t opens = r->standing ? now : r->start + r->waves[wave].opens_after;

	return windows_next(&r->windows, opens > now ? opens : now);
}

int rollout_check(const struct rollout *r, const char *host, const struct host_facts *facts, int64_t now,
        struct fault *f)
{
	char time[TIME_TEXT_ROOM];
	size_t wave = 0;
	int rc = selector_check(r->selector, facts, f);

	if (rc)
		return rc;
	switch (rollout_gate(r, host, now, &wave)) {
	case ROLLOUT_OPEN:
		return KE_OK;
	case ROLLOUT_WAITS:
		return fault_set(f, KE_WINDOW, r->policy, NULL, "wave %zu opens at %s", wave + 1,
		        time_format(rollout_opens(r, wave, now), time));
	case ROLLOUT_CLOSED:
		return fault_set(f, KE_WINDOW, r->policy, "publish a new serial", "wave %zu closed at %s",
		        wave + 1, time_format(r->start + r->waves[wave].opens_before, time));
	case ROLLOUT_NO_WAVE:
		break;
	}
	return fault_set(f, KE_WINDOW, r->policy, NULL, "no wave holds this host");
}
