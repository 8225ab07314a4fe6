/* known.c — asks the daemon and tells its answer. What does not come, or is not understood, is left out: explain says the rest.
 * Called by cmd_explain.c. */
#include "agent/local/known.h"

#include <string.h>

#include <cJSON.h>

#include "proto/jsonw.h"
#include "proto/reader.h"

void known_ask(const char *run_dir, const struct name *key, struct known *ret)
{
	struct buf wish = BUF_INIT(4096);
	struct jsonw w = JSONW_INIT(&wish, 0);
	char dotted[NAME_MAX_LEN + 1];
	int code;

	jsonw_object(&w, NULL);
	jsonw_int(&w, "kedge_wish", 1);
	jsonw_string(&w, "what", "about");
	jsonw_string(&w, "key", name_dotted(key, dotted, sizeof dotted));
	jsonw_object_end(&w);
	ret->answered =
	        !wish.rc &&
	        !daemon_ask_with(run_dir, ASK_WISH, buf_text(&wish), wish.len, &ret->said, &code, NULL) &&
	        code == 0 &&
	        !strict_parse(buf_text(&ret->said), ret->said.len, &strict_limits_default, &ret->tree, NULL);
	buf_free(&wish);
}

void known_clear(struct known *a)
{
	cJSON_Delete(a->tree);
	a->tree = NULL;
	buf_free(&a->said);
}

/* The object NAME of the answer. */
static bool part(const struct place *root, const char *name, struct place *ret)
{
	return read_has(root, name) && !read_object(root, name, ret, NULL);
}

static const char *text_of(const struct place *at, const char *name)
{
	const char *text;

	return read_opt_string(at, name, 65536, &text, "", NULL) ? "" : text;
}

static long long number_of(const struct place *at, const char *name)
{
	int64_t n;

	return read_opt_int(at, name, -1, STRICT_INT_MAX, &n, -1, NULL) ? -1 : (long long)n;
}

const char *known_at_boot(const struct known *a)
{
	const struct place root = place_root(a->tree);
	struct place policy, over, hold;
	bool managed;

	if (!a->answered || part(&root, "hold", &hold))
		return NULL; /* on hold, nothing is written at a start either */
	managed = part(&root, "policy", &policy);
	if (managed && strcmp(text_of(&policy, "mode"), "audit") == 0)
		return NULL;
	if (part(&root, "override", &over))
		return text_of(&over, "value");
	return managed ? text_of(&policy, "wanted") : NULL;
}

static void drift_text(const struct place *last, struct buf *out)
{
	struct place drift, writer;

	if (!part(last, "drift", &drift))
		return;
	buf_fmt(out, "changed   %s from %s to %s (%s)", text_of(last, "time"), text_of(&drift, "old"),
	        text_of(&drift, "new"), text_of(&drift, "action"));
	if (!part(&drift, "writer", &writer))
		return;
	if (read_has(&writer, "comm"))
		buf_fmt(out, ", by %s[%lld], login uid %lld, %s\n", text_of(&writer, "comm"),
		        number_of(&writer, "pid"), number_of(&writer, "loginuid"),
		        text_of(&writer, "cgroup"));
	else
		buf_fmt(out, ", writer %s\n", text_of(&writer, "state"));
}

void known_text(const struct known *a, struct buf *out)
{
	const struct place root = place_root(a->tree);
	struct place at;

	if (part(&root, "policy", &at)) {
		buf_fmt(out, "policy    %s version %lld (rollout serial %lld, priority %lld, %s) wants %s\n",
		        text_of(&at, "name"), number_of(&at, "version"), number_of(&at, "serial"),
		        number_of(&at, "priority"), text_of(&at, "mode"), text_of(&at, "wanted"));
		if (*text_of(&at, "why"))
			buf_fmt(out, "          %s\n", text_of(&at, "why"));
	} else {
		buf_str(out, "policy    none manages it\n");
	}
	if (part(&root, "override", &at))
		buf_fmt(out, "override  %s until %s: %s\n", text_of(&at, "value"), text_of(&at, "until"),
		        text_of(&at, "reason"));
	if (part(&root, "hold", &at))
		buf_fmt(out, "hold      the host is on hold until %s: %s\n", text_of(&at, "until"),
		        text_of(&at, "reason"));
	if (*text_of(&root, "contested_until"))
		buf_fmt(out, "contested left alone until %s\n", text_of(&root, "contested_until"));
	if (part(&root, "last_drift", &at))
		drift_text(&at, out);
}
