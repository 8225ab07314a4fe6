/* Any bytes as a name: what is accepted has a dotted form that means the same name. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policies/knowledge.h"
#include "policies/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct name n, again;
	char dotted[NAME_MAX_LEN + 1];
	if (name_parse((const char *)data, size, &n, NULL))
		return 0;
	name_dotted(&n, dotted, sizeof dotted);
	if (strstr(n.path, "/../") || name_segments(&n) < 2 ||
	        name_parse(dotted, strlen(dotted), &again, NULL) || name_cmp(&n, &again) != 0 ||
	        !name_match(&n, &n))
		abort();
	if (knowledge_find(&n) && !knowledge_exists(&n))
		abort();
	knowledge_nearest(&n);
	knowledge_never(&n);
	return 0;
}
