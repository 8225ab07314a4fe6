/* url.c — names come from the keeper, whose names come from metadata: a delegated role may be called anything. Escaped they
 * cannot leave the place they were asked below. */
#include "agent/courier/url.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

static bool segment_valid(const char *s, size_t len)
{
	if (len == 0 || (len == 1 && s[0] == '.') || (len == 2 && s[0] == '.' && s[1] == '.'))
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	return true;
}

static bool name_valid(const char *name)
{
	for (;;) {
		size_t len = strcspn(name, "/");
		if (!segment_valid(name, len))
			return false;
		if (name[len] == '\0')
			return true;
		name += len + 1;
	}
}

int url_append(struct buf *url, const char *name)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";

	if (!name_valid(name))
		return KE_NAME;
	buf_char(url, '/');
	for (const char *p = name; *p; p++) {
		if (strchr(plain, *p))
			buf_char(url, *p);
		else
			buf_fmt(url, "%%%02X", (unsigned)(unsigned char)*p);
	}
	return url->rc;
}

uint16_t url_port(const char *url)
{
	const char *scheme = strstr(url, "://"), *at = scheme ? scheme + 3 : url;
	unsigned long port = strncasecmp(url, "https://", 8) == 0 ? 443 : 1080;
	const char *end = at + strcspn(at, "/?#"), *user = memrchr(at, '@', (size_t)(end - at));

	if (user)
		at = user + 1;
	const char *bracket = *at == '[' ? memchr(at, ']', (size_t)(end - at)) : NULL;
	if (bracket)
		at = bracket;
	const char *colon = memchr(at, ':', (size_t)(end - at));
	if (colon && colon + 1 < end) {
		char *rest;
		port = colon[1] >= '0' && colon[1] <= '9' ? strtoul(colon + 1, &rest, 10) : 0;
		if (port && rest != end)
			port = 0;
	}
	return port <= UINT16_MAX ? (uint16_t)port : 0;
}
