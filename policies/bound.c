/* bound.c — floors and ceilings, element by element.
 *
 * Only shapes whose numbers have an order take part: one integer, a vector, a range (as a set that is contained). Sets
 * of ports or words, masks and free text are refused with the reason. Pure; called by policy, plan, poll and resolve.
 */
#include "policies/bound.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/buf.h"

static const char *const signs[] = { [BOUND_NONE] = "", [BOUND_AT_LEAST] = ">=", [BOUND_AT_MOST] = "<=" };

enum value_bound bound_take(const char **text)
{
	for (unsigned b = BOUND_AT_LEAST; b <= BOUND_AT_MOST; b++)
		if (strncmp(*text, signs[b], 2) == 0) {
			*text += 2;
			return (enum value_bound)b;
		}
	return BOUND_NONE;
}

const char *bound_sign(enum value_bound b)
{
	return signs[b];
}

struct numbers {
	int64_t v[VALUE_MAX_ELEMENTS];
	unsigned n;
};

/* Canonical numbers of SHAPE; false when TEXT is none: the kernel printed what nobody expected. */
static bool numbers_read(const struct value_shape *shape, const char *text, struct numbers *ret)
{
	unsigned want = shape->type == VALUE_INT ? 1 : shape->type == VALUE_RANGE ? 2 : shape->count;

	ret->n = 0;
	while (*text) {
		char *end;
		const char *digits = text + (*text == '-');
		if (ret->n == want || *digits < '0' || *digits > '9' ||
		        (*digits == '0' && (digits != text || (digits[1] && digits[1] != ' '))))
			return false;
		errno = 0;
		ret->v[ret->n] = strtoll(text, &end, 10);
		if (errno || (*end && *end != ' '))
			return false;
		ret->n++;
		text = *end ? end + 1 : end;
	}
	return ret->n == want;
}

static int numbers_print(const struct numbers *n, char **ret)
{
	struct buf out = BUF_INIT(VALUE_MAX_ELEMENTS * 24);

	for (unsigned i = 0; i < n->n; i++) {
		if (i)
			buf_char(&out, ' ');
		buf_int(&out, n->v[i]);
	}
	int rc = buf_take(&out, ret, NULL);
	buf_free(&out);
	return rc;
}

static bool no_limit(const struct value_shape *shape, int64_t v)
{
	return (shape->unlimited == VALUE_UNLIMITED_NEGATIVE && v < 0) ||
	       (shape->unlimited == VALUE_UNLIMITED_ZERO && v == 0);
}

static bool less(const struct value_shape *shape, int64_t a, int64_t b)
{
	bool all = no_limit(shape, a), other_all = no_limit(shape, b);

	return all || other_all ? !all : a < b;
}

/* Must element I become the bound's? A range's low end is bounded from above: lower is wider. */
static bool short_of(
        const struct value_shape *shape, enum value_bound b, unsigned i, int64_t bound, int64_t is)
{
	bool down = (b == BOUND_AT_MOST) != (shape->type == VALUE_RANGE && i == 0);

	return down ? less(shape, bound, is) : less(shape, is, bound);
}

/* The kernel prints an empty range as one whose low end is above its high end; nothing of it can be kept. */
static bool is_empty(const struct value_shape *shape, const struct numbers *n)
{
	return shape->type == VALUE_RANGE && n->v[0] > n->v[1];
}

/* WANT: the bound's numbers -> those that meet it from IS. True: IS holds already. */
static bool numbers_meet(
        const struct value_shape *shape, enum value_bound b, const struct numbers *is, struct numbers *want)
{
	bool holds = true;

	if (is_empty(shape, is))
		return false;
	for (unsigned i = 0; i < is->n; i++) {
		if (short_of(shape, b, i, want->v[i], is->v[i]))
			holds = false;
		else
			want->v[i] = is->v[i];
	}
	return holds;
}

static int form_check(const struct value_shape *shape, enum value_bound b, struct fault *f)
{
	if (b == BOUND_NONE || shape->type == VALUE_INT || shape->type == VALUE_VECTOR)
		return KE_OK;
	if (shape->type != VALUE_RANGE)
		return fault_set(f, KE_VALUE, NULL, "write the value alone",
		        "'%s' is for keys that are known to hold numbers", signs[b]);
	if (b == BOUND_AT_MOST)
		return fault_set(f, KE_VALUE, NULL, "write the range itself, or '>=' for at least this range",
		        "'<=' is no form for a range: it may have nothing in common with the present one");
	return KE_OK;
}

int bound_value(const struct value_shape *shape, enum value_bound b, const char *text, size_t len, char **ret,
        struct fault *f)
{
	struct value_shape plain = *shape;
	char *value = NULL, *written = NULL;
	int rc = form_check(shape, b, f);

	if (!rc)
		rc = value_wanted(shape, text, len, &value, f);
	/* Rounding goes up: a floor is met all the more, a ceiling would be passed. */
	plain.rounding = VALUE_AS_IS;
	if (!rc && b == BOUND_AT_MOST && shape->rounding != VALUE_AS_IS &&
	        !(rc = value_wanted(&plain, text, len, &written, f)) && strcmp(value, written) != 0)
		rc = fault_set(f, KE_RANGE, NULL, "write a number that the kernel keeps as it is",
		        "the kernel would make %s of %s, which is more", value, written);
	free(written);
	if (rc)
		free(value);
	else
		*ret = value;
	return rc;
}

bool bound_holds(const struct value_shape *shape, enum value_bound b, const char *value, const char *observed)
{
	struct numbers is, want;

	if (strcmp(value, observed) == 0)
		return true;
	return b != BOUND_NONE && numbers_read(shape, value, &want) && numbers_read(shape, observed, &is) &&
	       numbers_meet(shape, b, &is, &want);
}

static int copy(const char *text, char **ret)
{
	char *c = strdup(text);

	if (!c)
		return KE_NOMEM;
	*ret = c;
	return KE_OK;
}

int bound_met(const struct value_shape *shape, enum value_bound b, const char *value, const char *observed,
        char **ret)
{
	struct numbers is, want;

	if (b == BOUND_NONE || !numbers_read(shape, value, &want) || !numbers_read(shape, observed, &is))
		return copy(value, ret);
	numbers_meet(shape, b, &is, &want);
	return numbers_print(&want, ret);
}

int bound_let_go(const struct value_shape *shape, enum value_bound b, const char *value, const char *original,
        const char *observed, char **ret)
{
	struct numbers is, was, want;

	if (b == BOUND_NONE || !numbers_read(shape, value, &want) || !numbers_read(shape, original, &was) ||
	        !numbers_read(shape, observed, &is) || is_empty(shape, &was) || is_empty(shape, &is))
		return copy(original, ret);
	numbers_meet(shape, b, &was, &want); /* what was written then */
	for (unsigned i = 0; i < is.n; i++)
		if (is.v[i] == want.v[i])
			is.v[i] = was.v[i];
	return is_empty(shape, &is) ? copy(original, ret) : numbers_print(&is, ret);
}
