/* suppress.c — reads and prints what was judged. Refuses one without a reason: a year later nobody would know whether it still
 * holds. Called by policy.c. */
#include "policies/suppress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/jsonw.h"
#include "proto/reader.h"

#define WHY_MAX 4096

/* Two to four capital letters and three digits. */
static bool rule_valid(const char *text)
{
	size_t letters = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

	return letters >= 2 && letters <= 4 && strspn(text + letters, "0123456789") == 3 &&
	       !text[letters + 3];
}

static int one_read(const struct place *at, struct suppression *s, struct fault *f)
{
	static const char *const members[] = { "rule", "key", "why", NULL };
	const char *rule, *key, *why;
	char path[160];
	int rc;

	if ((rc = read_members(at, members, f)) || (rc = read_string(at, "rule", 1, 64, &rule, f)) ||
	        (rc = read_opt_string(at, "key", 2 * NAME_MAX_LEN, &key, NULL, f)) ||
	        (rc = read_string(at, "why", 1, WHY_MAX, &why, f)))
		return rc;
	if (!rule_valid(rule))
		return place_fault(at, f, KE_SCHEMA, "write it as lint prints it, TW003",
		        "'%.40s' is not the id of a rule", rule);
	if (key && (rc = name_parse(key, strlen(key), &s->key, f))) {
		fault_at(f, "%s.key", place_path(at, path, sizeof path));
		return rc;
	}
	snprintf(s->rule, sizeof s->rule, "%s", rule);
	s->why = strdup(why);
	return s->why ? KE_OK : fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
}

static bool twice(const struct suppression *list, size_t n, const struct suppression *s)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].rule, s->rule) == 0 && strcmp(list[i].key.path, s->key.path) == 0)
			return true;
	return false;
}

int suppress_read(const struct place *root, struct suppression **ret, size_t *ret_n, struct fault *f)
{
	struct place list, item = { 0 };
	struct suppression *s = NULL;
	size_t n = 0;

	*ret = NULL;
	*ret_n = 0;
	if (!read_has(root, "suppress"))
		return KE_OK;
	int rc = read_array(root, "suppress", &list, f);
	if (!rc && place_count(&list) > SUPPRESS_MAX)
		rc = place_fault(&list, f, KE_TOOBIG, NULL, "more than %d", SUPPRESS_MAX);
	if (!rc && place_count(&list) && !(s = calloc(place_count(&list), sizeof *s)))
		rc = fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	while (!rc && place_next(&list, &item)) {
		rc = one_read(&item, &s[n], f);
		if (!rc && twice(s, n, &s[n]))
			rc = place_fault(&item, f, KE_DUPLICATE, "keep one of them", "stands here twice");
		n++;
	}
	if (rc) {
		suppress_free(s, n);
		return rc;
	}
	*ret = s;
	*ret_n = n;
	return KE_OK;
}

void suppress_print(const struct suppression *list, size_t n, struct jsonw *w)
{
	char key[NAME_MAX_LEN + 1];

	if (!n)
		return;
	jsonw_array(w, "suppress");
	for (size_t i = 0; i < n; i++) {
		jsonw_object(w, NULL);
		jsonw_string(w, "rule", list[i].rule);
		if (list[i].key.path[0])
			jsonw_string(w, "key", name_dotted(&list[i].key, key, sizeof key));
		jsonw_string(w, "why", list[i].why);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

void suppress_free(struct suppression *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i].why);
	free(list);
}
