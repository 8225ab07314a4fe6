/* reader.c — typed, path-aware reads over cJSON trees that proto/strict.c has checked. The only file besides strict.c
 * and canon.c that knows how cJSON keeps its nodes. */
#include "proto/reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cJSON.h>

#include "proto/clock.h"
#include "proto/codec.h"

struct place place_root(const struct cJSON *tree)
{
	return (struct place){ .node = tree };
}

/* Appends the path of AT; returns the length so far. */
static size_t path_append(const struct place *at, char *buf, size_t size)
{
	size_t n = at->up ? path_append(at->up, buf, size) : 0;
	int more = 0;

	if (!at->up || n + 1 >= size)
		return n;
	if (at->name)
		more = snprintf(buf + n, size - n, "%s%s", n ? "." : "", at->name);
	else
		more = snprintf(buf + n, size - n, "[%zu]", at->index);
	n += (size_t)(more < 0 ? 0 : more);
	return n < size ? n : size - 1;
}

const char *place_path(const struct place *at, char *buf, size_t size)
{
	buf[0] = '\0';
	if (!path_append(at, buf, size))
		snprintf(buf, size, "(document)");
	return buf;
}

int place_fault(const struct place *at, struct fault *f, int code, const char *todo, const char *fmt, ...)
{
	char path[256], what[256];
	va_list ap;

	if (!f)
		return code;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	return fault_set(f, code, place_path(at, path, sizeof path), todo, "%s", what);
}

bool place_is_object(const struct place *at)
{
	return cJSON_IsObject(at->node);
}

bool place_is_array(const struct place *at)
{
	return cJSON_IsArray(at->node);
}

bool place_is_string(const struct place *at)
{
	return cJSON_IsString(at->node);
}

bool place_is_int(const struct place *at)
{
	return cJSON_IsNumber(at->node);
}

static int want_object(const struct place *at, struct fault *f)
{
	return cJSON_IsObject(at->node) ? KE_OK : place_fault(at, f, KE_SCHEMA, NULL, "must be an object");
}

int read_members(const struct place *at, const char *const *known, struct fault *f)
{
	int rc = want_object(at, f);

	if (rc)
		return rc;
	for (const cJSON *m = at->node->child; m; m = m->next) {
		size_t i = 0;
		while (known[i] && strcmp(known[i], m->string) != 0)
			i++;
		if (!known[i])
			return place_fault(at, f, KE_SCHEMA, "remove it or correct its spelling",
			        "unknown member '%.80s'", m->string);
	}
	return KE_OK;
}

bool read_has(const struct place *at, const char *name)
{
	return cJSON_IsObject(at->node) && cJSON_GetObjectItemCaseSensitive(at->node, name);
}

int read_any(const struct place *at, const char *name, struct place *ret, struct fault *f)
{
	int rc = want_object(at, f);

	if (rc)
		return rc;
	const cJSON *node = cJSON_GetObjectItemCaseSensitive(at->node, name);
	if (!node)
		return place_fault(at, f, KE_SCHEMA, NULL, "member '%s' is missing", name);
	*ret = (struct place){ .node = node, .up = at, .name = name };
	return KE_OK;
}

int read_object(const struct place *at, const char *name, struct place *ret, struct fault *f)
{
	struct place item;
	int rc = read_any(at, name, &item, f);

	if (!rc)
		rc = want_object(&item, f);
	if (!rc)
		*ret = item;
	return rc;
}

int read_array(const struct place *at, const char *name, struct place *ret, struct fault *f)
{
	struct place item;
	int rc = read_any(at, name, &item, f);

	if (rc)
		return rc;
	if (!cJSON_IsArray(item.node))
		return place_fault(&item, f, KE_SCHEMA, NULL, "must be an array");
	*ret = item;
	return KE_OK;
}

int place_string(const struct place *at, size_t min, size_t max, const char **ret, struct fault *f)
{
	if (!cJSON_IsString(at->node))
		return place_fault(at, f, KE_SCHEMA, NULL, "must be a string");
	size_t len = strlen(at->node->valuestring);
	if (len < min && len == 0)
		return place_fault(at, f, KE_SCHEMA, NULL, "must not be empty");
	if (len < min || len > max)
		return place_fault(
		        at, f, KE_SCHEMA, NULL, "has %zu bytes; %zu to %zu are allowed", len, min, max);
	*ret = at->node->valuestring;
	return KE_OK;
}

int place_int(const struct place *at, int64_t min, int64_t max, int64_t *ret, struct fault *f)
{
	if (!cJSON_IsNumber(at->node))
		return place_fault(at, f, KE_SCHEMA, NULL, "must be an integer");
	int64_t value = (int64_t)at->node->valuedouble;
	if (value < min || value > max)
		return place_fault(at, f, KE_RANGE, NULL, "%lld is outside %lld..%lld", (long long)value,
		        (long long)min, (long long)max);
	*ret = value;
	return KE_OK;
}

int read_string(
        const struct place *at, const char *name, size_t min, size_t max, const char **ret, struct fault *f)
{
	struct place item;
	int rc = read_any(at, name, &item, f);

	return rc ? rc : place_string(&item, min, max, ret, f);
}

int read_int(
        const struct place *at, const char *name, int64_t min, int64_t max, int64_t *ret, struct fault *f)
{
	struct place item;
	int rc = read_any(at, name, &item, f);

	return rc ? rc : place_int(&item, min, max, ret, f);
}

int read_bool(const struct place *at, const char *name, bool *ret, struct fault *f)
{
	struct place item;
	int rc = read_any(at, name, &item, f);

	if (rc)
		return rc;
	if (!cJSON_IsBool(item.node))
		return place_fault(&item, f, KE_SCHEMA, NULL, "must be true or false");
	*ret = cJSON_IsTrue(item.node);
	return KE_OK;
}

int read_word(
        const struct place *at, const char *name, const char *const *words, unsigned *ret, struct fault *f)
{
	struct place item;
	const char *text;
	char list[160] = "";
	int rc = read_any(at, name, &item, f);

	if (!rc)
		rc = place_string(&item, 0, 4096, &text, f);
	if (rc)
		return rc;
	for (unsigned i = 0; words[i]; i++) {
		if (strcmp(words[i], text) == 0) {
			*ret = i;
			return KE_OK;
		}
		size_t n = strlen(list);
		snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "", words[i]);
	}
	return place_fault(&item, f, KE_SCHEMA, NULL, "'%.60s' is not one of: %s", text, list);
}

int read_hex(const struct place *at, const char *name, void *ret, size_t size, struct fault *f)
{
	struct place item;
	const char *text;
	int rc = read_any(at, name, &item, f);

	if (!rc)
		rc = place_string(&item, 0, 65536, &text, f);
	if (!rc && !hex_decode(text, strlen(text), ret, size))
		rc = place_fault(&item, f, KE_SCHEMA, NULL, "must be %zu hexadecimal digits", 2 * size);
	return rc;
}

int read_time(const struct place *at, const char *name, int64_t *ret, struct fault *f)
{
	struct place item;
	const char *text;
	int rc = read_any(at, name, &item, f);

	if (!rc)
		rc = place_string(&item, 0, 4096, &text, f);
	if (!rc && !time_parse(text, strlen(text), ret))
		rc = place_fault(&item, f, KE_SCHEMA, NULL, "must be a time like 2026-11-24T20:23:36Z");
	return rc;
}

int read_opt_string(const struct place *at, const char *name, size_t max, const char **ret,
        const char *fallback, struct fault *f)
{
	if (read_has(at, name))
		return read_string(at, name, 0, max, ret, f);
	*ret = fallback;
	return KE_OK;
}

int read_opt_int(const struct place *at, const char *name, int64_t min, int64_t max, int64_t *ret,
        int64_t fallback, struct fault *f)
{
	if (read_has(at, name))
		return read_int(at, name, min, max, ret, f);
	*ret = fallback;
	return KE_OK;
}

int read_opt_bool(const struct place *at, const char *name, bool *ret, bool fallback, struct fault *f)
{
	if (read_has(at, name))
		return read_bool(at, name, ret, f);
	*ret = fallback;
	return KE_OK;
}

int read_opt_word(const struct place *at, const char *name, const char *const *words, unsigned *ret,
        unsigned fallback, struct fault *f)
{
	if (read_has(at, name))
		return read_word(at, name, words, ret, f);
	*ret = fallback;
	return KE_OK;
}

bool place_next(const struct place *at, struct place *item)
{
	const cJSON *next = item->up ? item->node->next : at->node->child;

	if (!next)
		return false;
	size_t index = item->up ? item->index + 1 : 0;
	*item = (struct place){ .node = next, .up = at, .index = index };
	if (cJSON_IsObject(at->node))
		item->name = next->string;
	return true;
}

size_t place_count(const struct place *at)
{
	size_t n = 0;

	for (const cJSON *m = at->node->child; m; m = m->next)
		n++;
	return n;
}
