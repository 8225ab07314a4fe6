/* about.c — what the daemon knows of one key: whose wish it is, what root put over it, who changed it last. The last drift of each
 * key is kept in memory only, of as many keys as there is room for. Called by overrule.c for `explain`. */
#include <stdlib.h>
#include <string.h>

#include "agent/keeper/keeper.h"

void about_note(struct keeper *k, const struct name *key, const struct buf *body)
{
	size_t at = 0;

	while (at < KEEPER_LAST && (!k->last[at].body || name_cmp(&k->last[at].key, key) != 0))
		at++;
	if (at == KEEPER_LAST) {
		at = k->next_last;
		k->next_last = (at + 1) % KEEPER_LAST;
	}
	char *text = body->rc ? NULL : strndup(buf_text(body), body->len);
	if (!text)
		return;
	free(k->last[at].body);
	k->last[at] = (struct last_drift){ .key = *key, .body = text, .time = era_now(k) };
}

void about_clear(struct keeper *k)
{
	for (size_t i = 0; i < KEEPER_LAST; i++) {
		free(k->last[i].body);
		k->last[i].body = NULL;
	}
}

static void policy_json(const struct keeper *k, const struct name *key, struct jsonw *w)
{
	const struct adopted *owner = resolve_owner(&k->adopted, &k->facts, key);
	const struct setting *s = owner ? policy_holder(owner->policy, key) : NULL;
	struct buf wanted = BUF_INIT(VALUE_MAX_LEN + 4);

	if (!s) {
		jsonw_null(w, "policy");
		return;
	}
	jsonw_object(w, "policy");
	jsonw_string(w, "name", owner->name);
	jsonw_int(w, "version", owner->version);
	jsonw_int(w, "serial", owner->serial);
	jsonw_int(w, "priority", owner->policy->priority);
	jsonw_string(w, "mode", setting_mode_name(s->mode));
	buf_fmt(&wanted, "%s%s", bound_sign(s->bound), s->value);
	jsonw_string(w, "wanted", buf_text(&wanted));
	buf_free(&wanted);
	jsonw_opt_string(w, "why", s->why);
	jsonw_object_end(w);
}

static void exception_json(struct keeper *k, const struct name *key, struct jsonw *w)
{
	const struct override_row *row = override_find(&k->overrides, key);

	if (!row)
		return;
	jsonw_object(w, key ? "override" : "hold");
	jsonw_opt_string(w, "value", row->value);
	jsonw_string(w, "reason", row->reason);
	jsonw_time(w, "until", row->until);
	jsonw_object_end(w);
}

static void last_json(const struct keeper *k, const struct name *key, struct jsonw *w)
{
	for (size_t i = 0; i < KEEPER_LAST; i++) {
		const struct last_drift *d = &k->last[i];
		if (!d->body || name_cmp(&d->key, key) != 0)
			continue;
		jsonw_object(w, "last_drift");
		jsonw_time(w, "time", d->time);
		jsonw_raw(w, "drift", d->body, strlen(d->body));
		jsonw_object_end(w);
	}
}

void about_json(struct keeper *k, const struct name *key, struct jsonw *w)
{
	char dotted[NAME_MAX_LEN + 1];
	int64_t until;

	jsonw_object(w, NULL);
	jsonw_int(w, "kedge_about", 1);
	jsonw_string(w, "key", name_dotted(key, dotted, sizeof dotted));
	policy_json(k, key, w);
	exception_json(k, key, w);
	exception_json(k, NULL, w);
	if (contest_truce(k->contest, key, era_now(k), &until))
		jsonw_time(w, "contested_until", until);
	last_json(k, key, w);
	jsonw_object_end(w);
}
