/* Words of the kedge command line, one a line, as waves: what is accepted has to be a rollout that hosts can read. */
#include <stdlib.h>
#include <string.h>

#include "server-stub/ctl/waves.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *rest = text;
	struct rollout *r = calloc(1, sizeof *r), *again = NULL;
	char *json;
	size_t len;

	for (char *line; (line = strsep(&rest, "\n"));)
		(void)waves_add(r, line, NULL);
	r->policy = strdup("p");
	r->serial = 1;
	r->action = ROLLOUT_REMOVE;
	if (r->n_waves && rollout_print(r, &json, &len) == 0) {
		if (rollout_parse(json, len, &again, NULL))
			abort();
		free(json);
	}
	rollout_free(again);
	rollout_free(r);
	free(text);
	return 0;
}
