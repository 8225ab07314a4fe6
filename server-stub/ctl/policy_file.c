/* policy_file.c — reads FILE, whichever of the two kinds it is. Called by the policy commands. */
#include "server-stub/ctl/policy_file.h"

#include <stdlib.h>
#include <string.h>

#include "policies/source.h"
#include "proto/fileio.h"

#define FILE_MAX (4U << 20)

static int conf_read(struct policy_file *p, const char *name, struct fault *f)
{
	char made[POLICY_NAME_MAX + 1];
	int rc = conf_parse(p->text, p->len, &p->conf, f);

	if (rc)
		return rc;
	if (!name) {
		name = source_policy_name(p->path, made);
	}
	if (!policy_name_valid(name))
		return fault_set(f, KE_NAME, NULL, "give one with --name: a-z 0-9 - _ .",
		        "'%.80s' is no name for a policy", name);
	rc = conf_to_policy(p->conf, name, &p->policy, f);
	for (size_t i = 0; i < p->conf->n_issues && !rc; i++)
		p->errors += p->conf->issues[i].severity == CONF_ERROR;
	return rc;
}

int policy_file_read(const char *path, const char *name, struct policy_file *ret, struct fault *f)
{
	*ret = (struct policy_file){ .path = path };
	int rc = file_read(path, FILE_MAX, &ret->text, &ret->len, f);

	if (rc)
		return rc;
	rc = source_is_document(ret->text, ret->len) ? policy_parse(ret->text, ret->len, &ret->policy, f)
	                                             : conf_read(ret, name, f);
	if (rc)
		fault_at(f, "%s", path);
	return rc;
}

void policy_file_clear(struct policy_file *p)
{
	file_free(p->text);
	policy_free(p->policy);
	conf_free(p->conf);
	*p = (struct policy_file){ 0 };
}
