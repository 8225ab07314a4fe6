/* The body of PUT /v1/repo: every accepted name stays below metadata/ or targets/. */
#include <stdlib.h>
#include <string.h>

#include "server-stub/api/repo_set.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct repo_set set = { 0 };

	if (repo_set_parse((const char *)data, size, &set, NULL) == KE_OK)
		for (size_t i = 0; i < set.n_fresh; i++) {
			const char *name = set.fresh[i].name;
			if ((strncmp(name, "metadata/", 9) != 0 && strncmp(name, "targets/", 8) != 0) ||
			        strstr(name, "/../") || strstr(name, "//"))
				abort();
		}
	repo_set_free(&set);
	return 0;
}
