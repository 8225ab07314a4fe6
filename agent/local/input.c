/* input.c — reads FILE, whichever of the two kinds it is, and tells what its lines are worth. */
#include "agent/local/input.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policies/source.h"
#include "proto/fileio.h"

static int conf_read(const char *text, size_t len, struct input *in, struct fault *f)
{
	char name[POLICY_NAME_MAX + 1];
	int rc = conf_parse(text, len, &in->conf, f);

	if (rc)
		return rc;
	if ((rc = conf_to_policy(in->conf, source_policy_name(in->path, name), &in->policy, f)))
		return rc;
	for (size_t i = 0; i < in->conf->n_issues; i++)
		in->errors +=
		        in->conf->issues[i].severity == CONF_ERROR && in->conf->issues[i].code != KE_UNKNOWN;
	return KE_OK;
}

int input_read(const char *path, struct input *ret, struct fault *f)
{
	char *text;
	size_t len;

	*ret = (struct input){ .path = path };
	int rc = file_read(path, INPUT_MAX_BYTES, &text, &len, f);
	if (rc)
		return rc;
	rc = source_is_document(text, len) ? policy_parse(text, len, &ret->policy, f)
	                                   : conf_read(text, len, ret, f);
	if (rc)
		fault_at(f, "%s", path);
	file_free(text);
	return rc;
}

void input_clear(struct input *in)
{
	policy_free(in->policy);
	conf_free(in->conf);
	*in = (struct input){ 0 };
}

static bool same_issue(const struct conf_issue *a, const struct conf_issue *b)
{
	return a->severity == b->severity && strcmp(a->text, b->text) == 0;
}

void input_issue(const struct input *in, size_t i, struct buf *out)
{
	const struct conf_issue *all = in->conf->issues, *is = &all[i];
	bool more = false;

	for (size_t k = 0; k < i; k++)
		if (same_issue(&all[k], is))
			return;
	buf_fmt(out, "%s:%u: %s: %s%s%s", in->path, is->line, conf_severity_text(is->severity),
	        is->key ? is->key : "", is->key ? ": " : "", is->text);
	for (size_t k = i + 1; k < in->conf->n_issues; k++) {
		if (!same_issue(&all[k], is))
			continue;
		buf_fmt(out, "%s%u", more ? " " : " (also in lines ", all[k].line);
		more = true;
	}
	buf_fmt(out, "%s%s%s\n", more ? ")" : "", is->todo ? "; " : "", is->todo ? is->todo : "");
}

void input_tell(const struct local *l, const struct input *in)
{
	struct buf out = BUF_INIT(LOCAL_MAX_OUTPUT), one = BUF_INIT(65536);

	for (size_t i = 0; in->conf && i < in->conf->n_issues; i++) {
		const struct conf_issue *is = &in->conf->issues[i];
		if (is->severity == CONF_NOTE || is->code == KE_UNKNOWN)
			continue;
		buf_clear(&one);
		input_issue(in, i, &one);
		if (one.len)
			buf_fmt(&out, "kedge-agent %s: %s", l->command, buf_text(&one));
	}
	file_write_all(STDERR_FILENO, buf_text(&out), out.len);
	buf_free(&out);
	buf_free(&one);
}
