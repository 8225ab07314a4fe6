/* cmd_diff.c — `policy diff A B`: keys that are gone (-), new (+), or changed (~). */
#include <stdlib.h>
#include <string.h>

#include "server-stub/ctl/ctl.h"
#include "server-stub/ctl/policy_diff.h"
#include "server-stub/ctl/policy_file.h"

static void setting_text(struct buf *out, const struct setting *s)
{
	char dotted[NAME_MAX_LEN + 1];

	buf_fmt(out, "%s%s", bound_sign(s->bound), s->value);
	for (size_t i = 0; i < s->n_except; i++)
		buf_fmt(out, "%s%s%s", i ? " " : " (except ",
		        name_dotted(&s->except[i], dotted, sizeof dotted), i + 1 == s->n_except ? ")" : "");
	if (s->mode != SETTING_ENFORCE)
		buf_fmt(out, " (%s)", setting_mode_name(s->mode));
	if (s->required)
		buf_str(out, " (required)");
	if (s->optional)
		buf_str(out, " (optional)");
}

static void change_text(struct buf *out, const struct policy_change *c)
{
	char dotted[NAME_MAX_LEN + 1];
	const struct name *name = c->before ? &c->before->name : &c->after->name;

	buf_fmt(out, "%c %s = ",
	        !c->before  ? '+'
	        : !c->after ? '-'
	                    : '~',
	        name_dotted(name, dotted, sizeof dotted));
	if (c->before)
		setting_text(out, c->before);
	if (c->before && c->after)
		buf_str(out, " -> ");
	if (c->after)
		setting_text(out, c->after);
	buf_char(out, '\n');
}

static void setting_json(struct jsonw *w, const char *name, const struct setting *s)
{
	struct buf value = BUF_INIT(VALUE_MAX_LEN + 4);
	char dotted[NAME_MAX_LEN + 1];

	if (!s)
		return;
	jsonw_object(w, name);
	buf_fmt(&value, "%s%s", bound_sign(s->bound), s->value);
	jsonw_string(w, "value", buf_text(&value));
	buf_free(&value);
	if (s->n_except) {
		jsonw_array(w, "except");
		for (size_t i = 0; i < s->n_except; i++)
			jsonw_string(w, NULL, name_dotted(&s->except[i], dotted, sizeof dotted));
		jsonw_array_end(w);
	}
	jsonw_string(w, "mode", setting_mode_name(s->mode));
	jsonw_bool(w, "required", s->required);
	jsonw_bool(w, "optional", s->optional);
	jsonw_object_end(w);
}

static void diff_json(struct ctl *c, const struct policy_change *list, size_t n)
{
	struct jsonw w = ctl_json(c, "kedge_diff");
	char dotted[NAME_MAX_LEN + 1];

	jsonw_array(&w, "keys");
	for (size_t i = 0; i < n; i++) {
		const struct name *name = list[i].before ? &list[i].before->name : &list[i].after->name;
		jsonw_object(&w, NULL);
		jsonw_string(&w, "key", name_dotted(name, dotted, sizeof dotted));
		setting_json(&w, "before", list[i].before);
		setting_json(&w, "after", list[i].after);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	ctl_json_end(c, &w);
}

static int readable(const struct policy_file *p, struct fault *f)
{
	return p->errors ? fault_set(f, KE_VALUE, p->path, "see kedge policy lint",
	                           "%u lines cannot be used: a comparison would leave them out", p->errors)
	                 : KE_OK;
}

int ctl_policy_diff(struct ctl *c)
{
	struct policy_file a, b = { 0 };
	struct policy_change *list = NULL;
	struct fault f = { 0 };
	size_t n = 0;
	int rc = policy_file_read(c->args.words[0], NULL, &a, &f);

	if (!rc)
		rc = policy_file_read(c->args.words[1], NULL, &b, &f);
	if (!rc && !(rc = readable(&a, &f)))
		rc = readable(&b, &f);
	if (!rc && (rc = policy_diff(a.policy, b.policy, &list, &n)))
		fault_set(&f, rc, NULL, NULL, "out of memory");
	if (!rc && c->json)
		diff_json(c, list, n);
	for (size_t i = 0; i < n && !rc && !c->json; i++)
		change_text(&c->out, &list[i]);
	free(list);
	policy_file_clear(&a);
	policy_file_clear(&b);
	return rc ? ctl_complain(c, &f) : n ? CTL_DIFFERS : CTL_DONE;
}
