/* Any bytes as sysctl.conf text: read, linted, made into a policy that is a valid document. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policies/lint.h"
#include "policies/sysctl_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct lint_target target = { .kernel = KERNEL(6, 18),
		.memory_bytes = 8ULL << 30,
		.page_size = 4096,
		.child_netns = size % 2 };
	struct conf *c = NULL;
	struct policy *p = NULL, *again = NULL;
	struct lint_report *report = NULL;
	char *json = NULL;
	size_t len;
	if (conf_parse((const char *)data, size, &c, NULL))
		return 0;
	if (lint_run(c, &target, &report) || conf_to_policy(c, "local", &p, NULL) ||
	        policy_print(p, &json, &len) || policy_parse(json, len, &again, NULL))
		abort();
	free(json);
	policy_free(p);
	policy_free(again);
	lint_report_free(report);
	conf_free(c);
	return 0;
}
