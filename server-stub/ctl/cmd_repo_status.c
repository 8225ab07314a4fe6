/* cmd_repo_status.c — `repo status`: which version of each role is published, when it expires, whose keys sign it and which
 * of them are at hand, and what waits for whom. Exit status 2 when somebody has to do something, so that a timer can ask.
 * Changes nothing; a switch that a crash cut off is finished, as by every command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/tuf.h"
#include "server-stub/ctl/cmd_repo.h"
#include "server-stub/ctl/tell_sign.h"
#include "server-stub/ctl/writer.h"

#define WITHIN_PRESET (3 * 86400)

struct state {
	struct ctl *ctl;
	struct depot *depot;
	struct keyring keys;
	const char *dir; /* of the keys; NULL: not known */
	int64_t now, within;
	struct release_pendings pending;
	bool due;
};

/* ---- what there is ---- */

static bool at_hand(const struct state *s, const char *keyid)
{
	return s->dir && (keyring_find(&s->keys, keyid) || keyring_names(s->dir, keyid));
}

/* Keys that cannot be read, for want of a passphrase, are known by the names of their files. */
static int keys_look(struct state *s, struct fault *f)
{
	const struct ctl_config *config = &s->ctl->config;
	char *passphrase = NULL;
	int rc = passphrase_read(config->keys_passphrase_file, &passphrase, f);

	if (rc)
		return rc;
	s->dir = config->keys ? config->keys : depot_keys(s->depot);
	if (s->dir)
		keyring_load(s->dir, passphrase, &s->keys, NULL);
	passphrase_free(passphrase);
	return KE_OK;
}

static int header(const struct release *r, const char *role, struct tuf_header *ret)
{
	const struct cJSON *part = release_published(r, role);
	struct place at = place_root(part);
	bool top = false;

	for (int i = 0; i < TUF_TOP_COUNT; i++)
		top |= strcmp(role, tuf_top_names[i]) == 0;
	return part ? tuf_header_parse(&at, top ? role : "targets", ret, NULL) : KE_NOENT;
}

static int look(struct state *s, struct fault *f)
{
	const char *text = args_value(&s->ctl->args, "within"), *role;
	struct tuf_header h;
	int rc = text ? args_duration(text, &s->within, f) : KE_OK;

	if (rc) {
		fault_at(f, "--within");
		return rc;
	}
	rc = depot_resume(s->ctl->args.words[0], s->now, &s->depot, f);
	if (!rc)
		rc = keys_look(s, f);
	if (!rc && depot_waits(s->depot))
		rc = depot_preview(s->depot, s->now, &s->pending, f);
	if (rc)
		return rc;
	s->due = s->pending.n > 0;
	for (size_t i = 0; (role = release_role(depot_release(s->depot), i)); i++)
		if (header(depot_release(s->depot), role, &h) == KE_OK)
			s->due |= h.expires <= s->now + s->within;
	return KE_OK;
}

/* ---- telling ---- */

/* "6d 23h", "5m", "expired". */
static const char *left(int64_t seconds, char text[32])
{
	long long n = seconds;

	if (n <= 0)
		snprintf(text, 32, "expired");
	else if (n >= 86400)
		snprintf(text, 32, "%lldd %lldh", n / 86400, n % 86400 / 3600);
	else if (n >= 3600)
		snprintf(text, 32, "%lldh %lldm", n / 3600, n % 3600 / 60);
	else
		snprintf(text, 32, "%lldm", n / 60);
	return text;
}

static void row_text(const struct state *s, const char *role, const struct tuf_header *h,
        const struct signers *who, struct writer *w)
{
	struct buf keys = BUF_INIT(65536);
	char time[TIME_TEXT_ROOM], in[32];

	writer_cell(w, role);
	writer_fmt(w, "%lld", (long long)h->version);
	writer_cell(w, time_format(h->expires, time));
	writer_fmt(w, "%s%s", left(h->expires - s->now, in),
	        h->expires > s->now && h->expires <= s->now + s->within ? " (due)" : "");
	writer_fmt(w, "%lld of %zu", who ? (long long)who->threshold : 0, who ? who->n : 0);
	for (size_t i = 0; who && i < who->n; i++)
		buf_fmt(&keys, "%s%.8s%s", i ? " " : "", pubkey_id(who->keys[i]),
		        at_hand(s, pubkey_id(who->keys[i])) ? "*" : "");
	writer_cell(w, buf_text(&keys));
	buf_free(&keys);
}

static void status_text(const struct state *s)
{
	static const char *const titles[] = { "ROLE", ">VERSION", "EXPIRES", "IN", "NEEDS",
		"KEYS (*: at hand)", NULL };
	const struct release *r = depot_release(s->depot);
	struct writer w = writer_begin(titles);
	struct tuf_header h;
	const char *role;

	for (size_t i = 0; (role = release_role(r, i)); i++)
		if (header(r, role, &h) == KE_OK)
			row_text(s, role, &h, release_signers(r, role), &w);
	writer_end(&w, "", &s->ctl->out);
	tell_pending(s->ctl, s->ctl->args.words[0], &s->pending, NULL);
}

static void row_json(const struct state *s, const char *role, const struct tuf_header *h,
        const struct signers *who, struct jsonw *w)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "role", role);
	jsonw_int(w, "version", h->version);
	jsonw_time(w, "expires", h->expires);
	jsonw_int(w, "seconds_left", h->expires > s->now ? h->expires - s->now : 0);
	jsonw_bool(w, "due", h->expires <= s->now + s->within);
	jsonw_int(w, "threshold", who ? who->threshold : 0);
	jsonw_array(w, "keys");
	for (size_t i = 0; who && i < who->n; i++) {
		jsonw_object(w, NULL);
		jsonw_string(w, "keyid", pubkey_id(who->keys[i]));
		jsonw_bool(w, "at_hand", at_hand(s, pubkey_id(who->keys[i])));
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	jsonw_object_end(w);
}

static void status_json(const struct state *s)
{
	const struct release *r = depot_release(s->depot);
	struct jsonw w = ctl_json(s->ctl, "kedge_repo_status");
	struct tuf_header h;
	const char *role;

	jsonw_string(&w, "dir", s->ctl->args.words[0]);
	jsonw_bool(&w, "due", s->due);
	jsonw_int(&w, "within", s->within);
	jsonw_array(&w, "roles");
	for (size_t i = 0; (role = release_role(r, i)); i++)
		if (header(r, role, &h) == KE_OK)
			row_json(s, role, &h, release_signers(r, role), &w);
	jsonw_array_end(&w);
	tell_pending(s->ctl, s->ctl->args.words[0], &s->pending, &w);
	ctl_json_end(s->ctl, &w);
}

int ctl_repo_status(struct ctl *c)
{
	struct state s = { .ctl = c, .now = clock_wall(c->clock), .within = WITHIN_PRESET };
	struct fault f = { 0 };
	int rc = look(&s, &f);

	if (!rc && c->json)
		status_json(&s);
	else if (!rc)
		status_text(&s);
	release_pendings_free(&s.pending);
	keyring_clear(&s.keys);
	depot_close(s.depot);
	return rc ? ctl_complain(c, &f) : s.due ? CTL_DIFFERS : CTL_DONE;
}
