/* policy.c — reads, builds and writes policy documents.
 *
 * A policy is checked where it enters: an author, a reviewer and a host that all read it here see the same list or
 * the same complaint with a field path. Refused are unknown members, keys given twice, values that do not fit, and
 * keys that no policy may carry. Called by import, by the commands, and by the keeper on verified bytes.
 */
#include "policies/policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/buf.h"
#include "proto/jsonw.h"
#include "proto/reader.h"
#include "proto/strict.h"

#define TEXT_MAX 4096

static const char *const modes[] = { [SETTING_ENFORCE] = "enforce",
	[SETTING_MONITOR] = "monitor",
	[SETTING_AUDIT] = "audit",
	[SETTING_LOCK] = "lock",
	NULL };

const char *setting_mode_name(enum setting_mode mode)
{
	return modes[mode];
}

bool policy_name_valid(const char *name)
{
	size_t len = strlen(name);
	return len >= 1 && len <= POLICY_NAME_MAX && name[0] != '-' && name[0] != '_' && name[0] != '.' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == len;
}

int policy_new(const char *name, int64_t version, struct policy **ret)
{
	if (!policy_name_valid(name))
		return KE_NAME;
	struct policy *p = calloc(1, sizeof *p);
	if (!p)
		return KE_NOMEM;
	p->name = strdup(name);
	p->version = version;
	p->priority = POLICY_PRIORITY_DEFAULT;
	if (!p->name) {
		policy_free(p);
		return KE_NOMEM;
	}
	*ret = p;
	return 0;
}

const struct setting *policy_find(const struct policy *p, const struct name *n)
{
	for (size_t i = 0; i < p->n; i++)
		if (name_cmp(&p->settings[i].name, n) == 0)
			return &p->settings[i];
	return NULL;
}

/* May a policy carry N at all? */
static int key_check(const struct policy *p, const struct name *n, const struct knob *k, struct fault *f)
{
	char key[NAME_MAX_LEN + 1];
	name_dotted(n, key, sizeof key);
	if (knowledge_never(n) || (k && k->danger != KNOB_PLAIN))
		return fault_set(f, KE_CEILING, key, "remove it: no policy and no ceiling can allow this key",
		        "the key is on the never-list");
	if (strstr(n->path, "**"))
		return fault_set(f, KE_NAME, key, "name the keys; '*' may stand for an interface",
		        "'**' is for ceilings only");
	if (policy_find(p, n))
		return fault_set(f, KE_DUPLICATE, key, "keep one of them", "the key is given twice");
	if (p->n == POLICY_MAX_SETTINGS)
		return fault_set(f, KE_TOOBIG, key, NULL, "more than %d settings", POLICY_MAX_SETTINGS);
	return 0;
}

#define FIRST_ROOM 32

static int settings_grow(struct policy *p)
{
	/* Powers of two: room is used up exactly when n is one (or 0). The first is large enough for most files: each move
	 * touches fresh pages, which is most of what a short process costs. */
	if (p->n && (p->n < FIRST_ROOM || (p->n & (p->n - 1))))
		return 0;
	struct setting *more = realloc(p->settings, (p->n ? 2 * p->n : FIRST_ROOM) * sizeof *more);
	if (!more)
		return KE_NOMEM;
	p->settings = more;
	return 0;
}

int policy_append_bound(struct policy *p, const struct name *n, enum value_bound b, const char *value,
        const char *why, struct setting **ret, struct fault *f)
{
	struct setting s = { .name = *n, .knob = knowledge_find(n), .bound = b };
	char key[NAME_MAX_LEN + 1];
	int rc = key_check(p, n, s.knob, f);
	if (rc)
		return rc;
	rc = bound_value(s.knob ? &s.knob->shape : &value_shape_text, b, value, strlen(value), &s.value, f);
	if (rc) {
		fault_at(f, "%s", name_dotted(n, key, sizeof key));
		return rc;
	}
	if ((why && !(s.why = strdup(why))) || settings_grow(p)) {
		free(s.value);
		free(s.why);
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	}
	p->settings[p->n++] = s;
	if (ret)
		*ret = &p->settings[p->n - 1];
	return 0;
}

int policy_append(struct policy *p, const struct name *n, const char *value, const char *why,
        struct setting **ret, struct fault *f)
{
	return policy_append_bound(p, n, BOUND_NONE, value, why, ret, f);
}

int policy_append_copy(struct policy *p, const struct setting *s, struct setting **ret, struct fault *f)
{
	struct setting *to;
	int rc = policy_append_bound(p, &s->name, s->bound, s->value, s->why, &to, f);
	if (rc)
		return rc;
	to->mode = s->mode;
	to->required = s->required;
	to->optional = s->optional;
	to->release = s->release;
	if ((s->held && !(to->held = strdup(s->held))) ||
	        (s->n_except && !(to->except = malloc(s->n_except * sizeof *to->except))))
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s",
		        err_text(KE_NOMEM)); /* it stays, and is freed with P */
	if (s->n_except)
		memcpy(to->except, s->except, s->n_except * sizeof *to->except);
	to->n_except = s->n_except;
	if (ret)
		*ret = to;
	return 0;
}

/* An array of integers, for keys that hold several. */
static int value_array(
        const struct place *at, const struct value_shape *shape, struct buf *out, struct fault *f)
{
	struct place item = { 0 };
	const char *between = shape->type == VALUE_PORTS ? "," : " ";
	if (shape->type != VALUE_VECTOR && shape->type != VALUE_RANGE && shape->type != VALUE_PORTS)
		return place_fault(at, f, KE_SCHEMA, "write a string or a number",
		        "this key does not hold several numbers");
	while (place_next(at, &item)) {
		int64_t v;
		int rc = place_int(&item, -STRICT_INT_MAX, STRICT_INT_MAX, &v, f);
		if (rc)
			return rc;
		buf_fmt(out, "%s%" PRId64, out->len ? between : "", v);
	}
	return 0;
}

/* The member "value" as text: a string, an integer, or an array of integers. */
static int value_read(
        const struct place *setting, const struct value_shape *shape, struct buf *out, struct fault *f)
{
	struct place at;
	const char *s;
	int64_t v;
	int rc = read_any(setting, "value", &at, f);
	if (rc)
		return rc;
	if (place_is_string(&at)) {
		rc = place_string(&at, 0, VALUE_MAX_LEN, &s, f);
		if (rc == 0)
			buf_str(out, s);
	} else if (place_is_int(&at)) {
		rc = place_int(&at, -STRICT_INT_MAX, STRICT_INT_MAX, &v, f);
		if (rc == 0)
			buf_fmt(out, "%" PRId64, v);
	} else if (place_is_array(&at)) {
		rc = value_array(&at, shape, out, f);
	} else {
		rc = place_fault(
		        &at, f, KE_SCHEMA, NULL, "must be a string, an integer or an array of integers");
	}
	return rc ? rc : out->rc;
}

/* The member "except": names of the same form as the setting's. */
static int read_except(const struct place *setting, struct setting *s, struct fault *f)
{
	struct place list, item = { 0 };
	char path[160];
	int rc = read_has(setting, "except") ? read_array(setting, "except", &list, f) : KE_NOENT;
	if (rc)
		return rc == KE_NOENT ? 0 : rc;
	while (place_next(&list, &item)) {
		const char *text;
		struct name n;
		if ((rc = place_string(&item, 1, 2 * NAME_MAX_LEN, &text, f)))
			return rc;
		rc = name_parse(text, strlen(text), &n, f);
		if (rc == 0)
			rc = setting_except(s, &n, f);
		if (rc) {
			fault_at(f, "%s", place_path(&item, path, sizeof path));
			return rc;
		}
	}
	return 0;
}

static int read_setting(const struct place *at, struct policy *p, struct fault *f)
{
	static const char *const members[] = { "key", "value", "why", "mode", "required", "optional",
		"except", NULL };
	struct buf value = BUF_INIT(VALUE_MAX_LEN + 1);
	const char *key, *why;
	struct setting *s;
	struct name n;
	char path[160];
	unsigned mode;
	bool required, optional;
	int rc;
	if ((rc = read_members(at, members, f)) ||
	        (rc = read_string(at, "key", 1, 2 * NAME_MAX_LEN, &key, f)) ||
	        (rc = read_opt_string(at, "why", TEXT_MAX, &why, NULL, f)) ||
	        (rc = read_opt_word(at, "mode", modes, &mode, SETTING_ENFORCE, f)) ||
	        (rc = read_opt_bool(at, "required", &required, false, f)) ||
	        (rc = read_opt_bool(at, "optional", &optional, false, f)))
		return rc;
	if (required && optional)
		return place_fault(
		        at, f, KE_SCHEMA, "keep one of them", "required and optional contradict each other");
	place_path(at, path, sizeof path);
	rc = name_parse(key, strlen(key), &n, f);
	if (rc) {
		fault_at(f, "%s.key", path);
		return rc;
	}
	rc = value_read(at, knowledge_shape(&n), &value, f);
	if (rc)
		goto out;
	const char *text = buf_text(&value);
	enum value_bound bound = bound_take(&text);
	rc = policy_append_bound(p, &n, bound, text, why, &s, f);
	if (rc) {
		fault_at(f, rc == KE_CEILING || rc == KE_DUPLICATE || rc == KE_NAME ? "%s.key" : "%s.value",
		        path);
		goto out;
	}
	s->mode = (enum setting_mode)mode;
	s->required = required;
	s->optional = optional;
	rc = read_except(at, s, f);
out:
	if (rc && value.rc)
		fault_set(f, value.rc, path, NULL, "%s", err_text(value.rc));
	buf_free(&value);
	return rc;
}

/* The members beside the settings. */
static int read_head(const struct place *root, struct policy **ret, struct fault *f)
{
	static const char *const members[] = { "kedge_policy", "name", "version", "description", "priority",
		"confirm_timeout", "settings", "selector", "suppress", NULL };
	const char *name, *description;
	int64_t format, version;
	struct place selector;
	int rc;
	if ((rc = read_members(root, members, f)) ||
	        (rc = read_int(root, "kedge_policy", 1, 1, &format, f)) ||
	        (rc = read_string(root, "name", 1, POLICY_NAME_MAX, &name, f)) ||
	        (rc = read_int(root, "version", 1, STRICT_INT_MAX, &version, f)) ||
	        (rc = read_opt_string(root, "description", TEXT_MAX, &description, NULL, f)))
		return rc;
	rc = policy_new(name, version, ret);
	if (rc == KE_NAME)
		return fault_set(f, rc, "name", "use a-z 0-9 - _ . with a letter or digit first",
		        "'%s' is not a policy name", name);
	if (rc == 0 && description && !((*ret)->description = strdup(description)))
		rc = KE_NOMEM;
	if (rc)
		return fault_set(f, rc, NULL, NULL, "%s", err_text(rc));
	if ((rc = read_opt_int(root, "priority", 0, POLICY_PRIORITY_MAX, &(*ret)->priority,
	             POLICY_PRIORITY_DEFAULT, f)) ||
	        (rc = read_opt_int(root, "confirm_timeout", 10, 3600, &(*ret)->confirm_timeout, 0, f)))
		return rc;
	if ((rc = suppress_read(root, &(*ret)->suppress, &(*ret)->n_suppress, f)))
		return rc;
	if (!read_has(root, "selector"))
		return 0;
	rc = read_object(root, "selector", &selector, f);
	return rc ? rc : selector_parse(&selector, &(*ret)->selector, f);
}

int policy_parse(const char *json, size_t len, struct policy **ret, struct fault *f)
{
	struct cJSON *tree;
	struct policy *p = NULL;
	struct place settings, item = { 0 };
	int rc = strict_parse(json, len, &strict_limits_default, &tree, f);
	if (rc)
		return rc;
	struct place root = place_root(tree);
	if ((rc = read_head(&root, &p, f)) || (rc = read_array(&root, "settings", &settings, f)))
		goto out;
	while (place_next(&settings, &item))
		if ((rc = read_setting(&item, p, f)))
			goto out;
	*ret = p;
	p = NULL;
out:
	policy_free(p);
	cJSON_Delete(tree);
	return rc;
}

static void value_print(const struct setting *s, struct jsonw *w)
{
	char text[VALUE_MAX_ELEMENTS * 24 + 4];
	if (s->bound == BOUND_NONE) {
		jsonw_string(w, "value", s->value);
		return;
	}
	/* Only numbers have a bound. */
	snprintf(text, sizeof text, "%s%s", bound_sign(s->bound), s->value);
	jsonw_string(w, "value", text);
}

static void setting_print(const struct setting *s, struct jsonw *w)
{
	char key[NAME_MAX_LEN + 1];
	jsonw_object(w, NULL);
	jsonw_string(w, "key", name_dotted(&s->name, key, sizeof key));
	value_print(s, w);
	if (s->n_except) {
		jsonw_array(w, "except");
		for (size_t i = 0; i < s->n_except; i++)
			jsonw_string(w, NULL, name_dotted(&s->except[i], key, sizeof key));
		jsonw_array_end(w);
	}
	jsonw_opt_string(w, "why", s->why);
	if (s->mode != SETTING_ENFORCE)
		jsonw_string(w, "mode", setting_mode_name(s->mode));
	if (s->required)
		jsonw_bool(w, "required", true);
	if (s->optional)
		jsonw_bool(w, "optional", true);
	jsonw_object_end(w);
}

int policy_print(const struct policy *p, char **ret, size_t *ret_len)
{
	struct buf out = BUF_INIT(16 << 20);
	struct jsonw w = JSONW_INIT(&out, 2);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "kedge_policy", 1);
	jsonw_string(&w, "name", p->name);
	jsonw_int(&w, "version", p->version);
	jsonw_opt_string(&w, "description", p->description);
	if (p->priority != POLICY_PRIORITY_DEFAULT)
		jsonw_int(&w, "priority", p->priority);
	if (p->confirm_timeout)
		jsonw_int(&w, "confirm_timeout", p->confirm_timeout);
	if (p->selector)
		selector_print(p->selector, &w, "selector");
	suppress_print(p->suppress, p->n_suppress, &w);
	jsonw_array(&w, "settings");
	for (size_t i = 0; i < p->n; i++)
		setting_print(&p->settings[i], &w);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	buf_char(&out, '\n');
	return buf_take(&out, ret, ret_len);
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++)
		setting_clear(&p->settings[i]);
	free(p->settings);
	selector_free(p->selector);
	suppress_free(p->suppress, p->n_suppress);
	free(p->description);
	free(p->name);
	free(p);
}
