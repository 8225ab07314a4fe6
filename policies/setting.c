/* setting.c — what one setting means: which keys, which values.
 *
 * The questions that plan, poll and merge all ask are answered here once, so that a key that is excepted or a value on the
 * allowed side of a bound is the same to each of them. Pure.
 */
#include <stdlib.h>
#include <string.h>

#include "policies/policy.h"

static const struct value_shape *shape_of(const struct setting *s)
{
	return s->knob ? &s->knob->shape : &value_shape_text;
}

static bool segment_is(const struct name *n, unsigned i, const char *word)
{
	const char *seg;
	size_t len;
	return name_segment(n, i, &seg, &len) && len == strlen(word) && memcmp(seg, word, len) == 0;
}

static bool is_narrower(const struct name *pattern, const struct name *n)
{
	/* name_match() takes N's own "*" for any segment, which only another "*" matches. */
	return name_cmp(pattern, n) != 0 && name_match(pattern, n);
}

int setting_except(struct setting *s, const struct name *n, struct fault *f)
{
	char key[NAME_MAX_LEN + 1];
	if (!name_is_pattern(&s->name))
		return fault_set(f, KE_VALUE, name_dotted(&s->name, key, sizeof key), "remove \"except\"",
		        "exceptions are for keys with a '*'");
	for (unsigned i = 0; i < name_segments(n); i++)
		if (segment_is(n, i, "**"))
			return fault_set(f, KE_VALUE, name_dotted(n, key, sizeof key),
			        "name the keys; '*' may stand for one segment", "'**' is for ceilings only");
	if (!is_narrower(&s->name, n))
		return fault_set(f, KE_VALUE, name_dotted(n, key, sizeof key),
		        "write the key itself with the interface's name in the place of the '*'",
		        "the setting does not mean this key, or means nothing else");
	if (!name_covers(&s->name, n))
		return KE_OK;
	for (size_t i = 0; i < s->n_except; i++)
		if (name_cmp(&s->except[i], n) == 0)
			return fault_set(f, KE_DUPLICATE, name_dotted(n, key, sizeof key), "keep one of them",
			        "the exception is given twice");
	if (s->n_except == POLICY_MAX_EXCEPT)
		return fault_set(f, KE_TOOBIG, name_dotted(n, key, sizeof key), NULL,
		        "more than %d exceptions from one setting", POLICY_MAX_EXCEPT);
	struct name *more = realloc(s->except, (s->n_except + 1) * sizeof *more);
	if (!more)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	s->except = more;
	s->except[s->n_except++] = *n;
	return KE_OK;
}

bool name_excepted(const struct name *except, size_t n_except, const struct name *n)
{
	for (size_t i = 0; i < n_except; i++)
		if (name_match(&except[i], n))
			return true;
	return false;
}

bool setting_covers(const struct setting *s, const struct name *n)
{
	if (name_cmp(&s->name, n) == 0)
		return true;
	return name_is_pattern(&s->name) && name_covers(&s->name, n) &&
	       !name_excepted(s->except, s->n_except, n);
}

/* The order in which exceptions are written says nothing. */
static bool same_except(const struct setting *a, const struct setting *b)
{
	if (a->n_except != b->n_except)
		return false;
	for (size_t i = 0; i < a->n_except; i++) {
		size_t j = 0;
		while (j < b->n_except && name_cmp(&a->except[i], &b->except[j]) != 0)
			j++;
		if (j == b->n_except)
			return false;
	}
	return true;
}

struct setting *policy_holder(const struct policy *p, const struct name *n)
{
	struct setting *by_pattern = NULL;

	for (size_t i = 0; i < p->n; i++) {
		if (name_cmp(&p->settings[i].name, n) == 0)
			return &p->settings[i];
		if (setting_covers(&p->settings[i], n))
			by_pattern = &p->settings[i];
	}
	return by_pattern;
}

bool setting_same(const struct setting *a, const struct setting *b)
{
	return name_cmp(&a->name, &b->name) == 0 && a->bound == b->bound && strcmp(a->value, b->value) == 0 &&
	       a->mode == b->mode && a->required == b->required && a->optional == b->optional &&
	       same_except(a, b);
}

bool setting_holds(const struct setting *s, const char *observed)
{
	char *wanted;
	if (s->bound == BOUND_NONE)
		return strcmp(s->value, observed) == 0;
	if (!s->release)
		return bound_holds(shape_of(s), s->bound, s->value, observed);
	if (setting_wanted(s, observed, &wanted))
		return false;
	bool holds = strcmp(wanted, observed) == 0;
	free(wanted);
	return holds;
}

int setting_wanted(const struct setting *s, const char *observed, char **ret)
{
	char *value = NULL;
	int rc = KE_OK;
	if (!observed || s->bound == BOUND_NONE)
		rc = (value = strdup(s->value)) ? KE_OK : KE_NOMEM;
	else if (s->release)
		rc = bound_let_go(
		        shape_of(s), s->bound, s->held ? s->held : s->value, s->value, observed, &value);
	else
		rc = bound_met(shape_of(s), s->bound, s->value, observed, &value);
	if (rc == KE_OK)
		*ret = value;
	return rc;
}

void setting_clear(struct setting *s)
{
	free(s->value);
	free(s->why);
	free(s->held);
	free(s->except);
	s->value = s->why = s->held = NULL;
	s->except = NULL;
	s->n_except = 0;
}
