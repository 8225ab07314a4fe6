/* names.c — libc loads a name service's module when the first name is asked for, which is after the door was locked. So the
 * modules that nsswitch.conf names are loaded before, and stay; libc then finds them. "files" and "dns" are part of libc.
 * What is configured later is not there until the next start. Called by main.c. */
#include "agent/courier/names.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* "resolve": libnss_resolve.so.2. An action, "[NOTFOUND=return]", is no name. */
static bool module_load(const char *name)
{
	char file[64];

	if (strcmp(name, "files") == 0 || strcmp(name, "dns") == 0 || strpbrk(name, "/[]="))
		return false;
	if (snprintf(file, sizeof file, "libnss_%s.so.2", name) >= (int)sizeof file)
		return false;
	return dlopen(file, RTLD_NOW | RTLD_LOCAL) != NULL; /* stays */
}

unsigned names_prepare(const char *conf)
{
	FILE *in = fopen(conf, "re");
	char line[512], *save;
	unsigned loaded = 0;

	while (in && fgets(line, sizeof line, in)) {
		const char *word = strtok_r(line, " \t\n", &save);
		if (!word || strcmp(word, "hosts:") != 0)
			continue;
		while ((word = strtok_r(NULL, " \t\n", &save)) && word[0] != '#')
			loaded += module_load(word);
	}
	if (in)
		fclose(in);
	return loaded;
}
