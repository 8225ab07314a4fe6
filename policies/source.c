/* source.c — tells the two kinds of input apart and names what has no name. Used by the local commands and the CLI. */
#include "policies/source.h"

#include <string.h>

bool source_is_document(const char *text, size_t len)
{
	size_t i = 0;

	while (i < len && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r'))
		i++;
	return i < len && text[i] == '{';
}

char *source_policy_name(const char *path, char name[POLICY_NAME_MAX + 1])
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t n = 0;

	if (strcmp(path, "-") == 0)
		base = "stdin";
	for (const char *p = base; *p && n < POLICY_NAME_MAX; p++) {
		char c = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
		bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (n && strchr("._-", c));
		name[n++] = plain ? c : 'x';
	}
	name[n] = '\0';
	if (n > 5 && strcmp(name + n - 5, ".conf") == 0)
		name[n - 5] = '\0';
	return name;
}
